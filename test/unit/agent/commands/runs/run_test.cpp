
#include "agent/record/locks.hpp"
#include "agent/record/past.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "common/processes/process_tree.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_machine.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

using namespace bootwright;

namespace {

/// Standard output and the blocked signals are put back.
class Foreground {
public:
    Foreground() : before_(std::cout.rdbuf(text_.rdbuf())) { pthread_sigmask(SIG_SETMASK, nullptr, &mask_); }
    Foreground(const Foreground&) = delete;
    Foreground& operator=(const Foreground&) = delete;
    ~Foreground() {
        std::cout.rdbuf(before_);
        pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    }
    [[nodiscard]] std::string text() const { return text_.str(); }

private:
    std::ostringstream text_{};
    std::streambuf* before_;
    sigset_t mask_{};
};

struct Ran {
    int status;
    std::string text;
};

/// Outside of any CHECK: Catch2 redirects standard output anew at each assertion.
Ran run_in_foreground(const System& system, const std::map<std::string, std::string>& given = {}) {
    const Foreground terminal;
    const int status = run_command(system, "run", given);
    return {status, terminal.text()};
}

}  // namespace

TEST_CASE("a good run in the foreground ends with its status and 0") {
    FakeMachine machine;
    const auto [status, text] = run_in_foreground(machine.system);
    CHECK(status == exit_ok);
    CHECK(text.find("configured: role web at 0123456789ab") != std::string::npos);
}

TEST_CASE("a failed run in the foreground ends with what is wrong and 1") {
    FakeMachine machine;
    machine.http.answer("GET /latest/user-data", "{\"rol\": \"web\"}");
    const auto [status, text] = run_in_foreground(machine.system);
    CHECK(status == exit_failed);
    CHECK(text.find("FAILED") != std::string::npos);
    CHECK(text.find("did you mean \"role\"?") != std::string::npos);
}

TEST_CASE("Ctrl-C stops the run, which is recorded as interrupted") {
    FakeMachine machine;
    // To this thread, which hears it; a thread that another test has left might take it otherwise.
    machine.processes.answer("apply",
                             {.work = [self = pthread_self()](const ProcessRequest&) { pthread_kill(self, SIGINT); }});
    machine.root.write("/etc/bootwright/agent.json",
                       R"({"retry": {"puppet": {"attempts": 1000, "base": "1s", "cap": "1s"}}})");
    machine.clock.on_sleep = [](std::size_t) { usleep(1000); };  // lets the main thread hear the signal
    const auto [status, text] = run_in_foreground(machine.system);
    CHECK(status == exit_failed);
    CHECK(text.find("interrupted") != std::string::npos);
}

TEST_CASE("a run by hand says of the daemon what is true") {
    FakeMachine machine;
    // The daemon is alive: this very process stands for it.
    machine.root.write("/run/bootwright/status.json",
                       to_line({{"schema", 1},
                                {"boot_id", "b0071d00-0000-4000-8000-000000000001"},
                                {"daemon",
                                 {{"pid", getpid()},
                                  {"pid_start", identify_process(getpid()).value().start_ticks},
                                  {"state", "waiting"}}}}));
    const auto [status, text] = run_in_foreground(machine.system);
    CHECK(status == exit_ok);
    CHECK(text.find("not running") == std::string::npos);
}

TEST_CASE("the version is printed") {
    const Foreground terminal;
    const int status = run_command(FakeSystem().system, "version");
    const std::string text = terminal.text();
    CHECK(status == exit_ok);
    CHECK(text.starts_with("bootwright 0."));
}

TEST_CASE("a noop says what would change, ends with 6, and leaves everything as it was") {
    FakeMachine machine;
    REQUIRE(run_in_foreground(machine.system).status == exit_ok);
    const Json before = StatusFile(machine.system).read();
    const auto kept = [&] {
        std::string all;
        for (const char* file : {"last_good.json", "instance.json", "applying.json"}) {
            all += machine.root.read(std::string("/var/lib/bootwright/") + file);
        }
        return all;
    };
    const std::string kept_before = kept();
    set_lock(machine.system, {.name = "disks", .reason = "they are moved"}, {});
    machine.processes.answer("apply", recorded_puppet("noop_drift"));
    const auto [status, text] = run_in_foreground(machine.system, {{"--noop", ""}});
    CHECK(status == exit_would_change);
    CHECK(text.find("File[/srv/never] (manifests/site.pp:1)\n    current_value 'absent', should be 'file' (noop)\n"
                    "this would change: role web at 0123456789abcdef0123456789abcdef01234567") != std::string::npos);
    const ProcessRequest& request = machine.processes.requests.back();
    for (const char* option : {"--noop", "--show_diff"}) {
        CHECK(std::count(request.arguments.begin(), request.arguments.end(), option) == 1);
    }
    const Json after = StatusFile(machine.system).read();
    CHECK(after.at("run") == before.at("run"));
    CHECK(after.at("configured") == before.at("configured"));
    CHECK(kept() == kept_before);
    const Past past(machine.system);
    CHECK(past.run(2)->at("noop") == true);
    CHECK(past.run(2)->at("past_locks") == Json{"disks"});
    CHECK(past.last()->at("run") == 1);
    CHECK(machine.root.read("/run/bootwright/status.json").find("/srv/never") == std::string::npos);
}

TEST_CASE("a noop that finds nothing to do ends with 0, and one that fails with 1, and neither configures a machine") {
    FakeMachine machine;
    machine.processes.answer("apply", recorded_puppet("unchanged"));
    const auto [good, nothing] = run_in_foreground(machine.system, {{"--noop", ""}});
    CHECK(good == exit_ok);
    CHECK(nothing.find("nothing would change: role web at 0123456789abcdef") != std::string::npos);
    machine.root.write("/etc/bootwright/agent.json", R"({"role_config": {"puppet": {"on_failure": "last_good"}}})");
    machine.processes.answer("apply", recorded_puppet("compile_error"));
    const auto [bad, why] = run_in_foreground(machine.system, {{"--noop", ""}});
    CHECK(bad == exit_failed);
    CHECK(why.find("puppet.compile_failed") != std::string::npos);
    CHECK(StatusFile(machine.system).read().at("configured").is_null());
    CHECK(StatusFile(machine.system).read().at("run").is_null());
    for (const char* file : {"last_good.json", "bad_revisions.json", "instance.json", "applying.json"}) {
        CAPTURE(file);
        CHECK_FALSE(machine.root.exists(std::string("/var/lib/bootwright/") + file));
    }
}

TEST_CASE("another revision and another role config hold for one run") {
    FakeMachine machine;
    const std::string other(40, 'b');
    std::string fetched;
    machine.processes.answer("bootwright-fetch",
                             {.work = [&](const ProcessRequest& request) { fetched = request.input; }});
    run_in_foreground(machine.system, {{"--revision", other}});
    CHECK(fetched.find(other) != std::string::npos);
    CHECK(StatusFile(machine.system).read().at("run").at("revision").at("asked") == other);

    machine.processes.answer("bootwright-fetch", good_fetch());
    Json role = Json::parse(good_user_data());
    role["role"] = "db";
    machine.root.write("/root/role.json", to_line(role));
    const auto [status, text] =
        run_in_foreground(machine.system, {{"--role-config", machine.root.path("/root/role.json").string()}});
    CHECK(status == exit_ok);
    CHECK(text.find("configured: role db") != std::string::npos);
    CHECK_FALSE(machine.root.exists("/var/lib/bootwright/instance.json"));
    CHECK_FALSE(machine.root.exists("/var/lib/bootwright/last_good.json"));

    CHECK(run_in_foreground(machine.system).text.find("configured: role web at 0123456789ab") != std::string::npos);
    CHECK(machine.root.exists("/var/lib/bootwright/last_good.json"));
}

TEST_CASE("what the image fixes, one run may not change either") {
    FakeMachine machine;
    const Ran name = run_in_foreground(machine.system, {{"--revision", "main"}});
    CHECK(name.status == exit_failed);
    CHECK(name.text.find("--revision") != std::string::npos);
    machine.root.write("/etc/bootwright/agent.json",
                       R"({"role_config": {"repository": {"revision": "0123456789abcdef0123456789abcdef01234567"}},
                           "fixed": ["repository.revision"]})");
    const Ran fixed = run_in_foreground(machine.system, {{"--revision", std::string(40, 'b')}});
    CHECK(fixed.status == exit_failed);
    CHECK(fixed.text.find("role.fixed") != std::string::npos);
}

TEST_CASE("a run does not begin beside another one") {
    FakeMachine machine;
    machine.root.make_folder("/run/bootwright");
    const auto lock = FileLock::try_take(machine.root.path("/run/bootwright/run.lock"));
    CHECK(error_of([&] { return run_command(machine.system, "run"); }).code == "run.locked");
}
