#include "agent/daemon/daemon.hpp"
#include "agent/record/kept_instance.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run_worker.hpp"
#include "common/processes/process_tree.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <filesystem>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

/// A machine that was configured.
struct UsedMachine : FakeSystem {
    UsedMachine() {
        for (const char* file :
             {"/var/lib/bootwright/instance.json", "/var/lib/bootwright/runs/000001/report.json",
              "/var/lib/bootwright/repository/control-1.git/HEAD", "/var/lib/bootwright/history.jsonl",
              "/var/cache/bootwright/puppet.compiled", "/var/cache/bootwright/r10k/left", "/run/bootwright/apt.conf",
              "/usr/share/bootwright/seed.git/HEAD", "/etc/bootwright/ssh_key",
              "/var/lib/cloud/seed/nocloud/user-data"}) {
            root.write(file, "{}", 0600);
        }
    }
};

std::string code_of_clean(const FakeSystem& fake) {
    const CapturedOutput output;
    return error_of([&] { return run_command(fake.system, "clean"); }).code;
}

}  // namespace

TEST_CASE("nothing of an instance travels with its image") {
    const UsedMachine machine;
    const std::string printed = printed_by(machine.system, "clean");
    CHECK(fs::is_empty(machine.root.path("/var/lib/bootwright")));
    CHECK_FALSE(machine.root.exists("/run/bootwright/apt.conf"));
    CHECK_FALSE(machine.root.exists("/var/cache/bootwright/r10k"));
    for (const char* kept : {"/var/cache/bootwright/puppet.compiled", "/usr/share/bootwright/seed.git/HEAD",
                             "/etc/bootwright/ssh_key", "/var/lib/cloud/seed/nocloud/user-data"}) {
        CAPTURE(kept);
        CHECK(machine.root.exists(kept));
    }
    const std::string state = machine.root.path("/var/lib/bootwright").string();
    // What names the instance goes last: a removal that is cut off leaves a disk that another instance does not take for
    // its own.
    CHECK(printed.find("removed  " + state + "/runs\n") < printed.find("removed  " + state + "/instance.json\n"));
    CHECK(printed_by(machine.system, "clean").find("0 removed") == 0);
}

TEST_CASE("cloud-init's seed goes if that is asked for") {
    const UsedMachine machine;
    printed_by(machine.system, "clean", {{"--seed", ""}});
    CHECK_FALSE(machine.root.exists("/var/lib/cloud/seed"));
    CHECK(machine.root.exists("/var/lib/cloud"));
    CHECK(machine.root.exists("/usr/share/bootwright/seed.git/HEAD"));
}

TEST_CASE("a seed of the repository stays wherever the image has it") {
    const UsedMachine machine;
    machine.root.write("/etc/bootwright/agent.json", R"({"repository": {"seed": "/var/lib/bootwright/own/seed.git"}})");
    machine.root.write("/var/lib/bootwright/own/seed.git/HEAD", "ref");
    printed_by(machine.system, "clean");
    CHECK(machine.root.exists("/var/lib/bootwright/own/seed.git/HEAD"));
    CHECK_FALSE(machine.root.exists("/var/lib/bootwright/runs"));
}

TEST_CASE("the journal is emptied if that is asked for, and a failure is said") {
    UsedMachine machine;
    machine.processes.answer("--vacuum-time=1s", FakeProcesses::Script{});
    CHECK(printed_by(machine.system, "clean", {{"--logs", ""}}).find("emptied  the journal") != std::string::npos);
    CHECK(machine.processes.started("--vacuum-time=1s").size() == 1);
    machine.processes.answer("--vacuum-time=1s", {.result = {.exit_code = 1}, .error_lines = {"no journal files"}});
    const CapturedOutput output;
    const Error error = error_of([&] { return run_command(machine.system, "clean", {{"--logs", ""}}); });
    CHECK(error.code == "clean.journal");
    CHECK(error.message == "the journal was not emptied: no journal files");
}

TEST_CASE("a machine at work is not cleaned") {
    const UsedMachine machine;
    SECTION("a daemon") {
        const FileLock daemon = take_daemon_lock(machine.system);
        CHECK(code_of_clean(machine) == "daemon.locked");
    }
    SECTION("a run") {
        const FileLock run = take_run_lock(machine.system);
        CHECK(code_of_clean(machine) == "run.locked");
    }
    SECTION("a Puppet whose agent was killed") {
        const ProcessId alive = identify_process(getpid()).value();
        StatusFile(machine.system).update([&](Json& status) {
            status["run"] = {{"state", "running"}, {"child", {{"pid", alive.pid}, {"pid_start", alive.start_ticks}}}};
        });
        CHECK(code_of_clean(machine) == "run.locked");
    }
    CHECK(machine.root.exists("/var/lib/bootwright/runs/000001/report.json"));
    CHECK(machine.root.exists("/var/lib/bootwright/instance.json"));
}

TEST_CASE("no link leads the removal out of our folders") {
    const UsedMachine machine;
    machine.root.write("/srv/precious", "kept");
    SECTION("within the state") {
        fs::create_directory_symlink(machine.root.path("/srv"), machine.root.path("/var/lib/bootwright/away"));
        printed_by(machine.system, "clean");
        CHECK(fs::is_empty(machine.root.path("/var/lib/bootwright")));
    }
    SECTION("in the place of the state") {
        fs::remove_all(machine.root.path("/var/lib/bootwright"));
        fs::create_directory_symlink(machine.root.path("/srv"), machine.root.path("/var/lib/bootwright"));
        CHECK(code_of_clean(machine) == "clean.is_link");
    }
    SECTION("in the place of cloud-init's seed") {
        fs::remove_all(machine.root.path("/var/lib/cloud/seed"));
        fs::create_directory_symlink(machine.root.path("/srv"), machine.root.path("/var/lib/cloud/seed"));
        printed_by(machine.system, "clean", {{"--seed", ""}});
    }
    CHECK(machine.root.read("/srv/precious") == "kept");
}
