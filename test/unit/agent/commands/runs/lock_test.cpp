#include "agent/record/locks.hpp"

#include "agent/record/status_file.hpp"
#include "common/processes/process_tree.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <map>
#include <string>

using namespace bootwright;

namespace {

using Given = std::map<std::string, std::string>;

struct Operated : FakeSystem {
    Operated() { system.environment["SUDO_USER"] = "alice"; }
    [[nodiscard]] std::string printed(const std::string& command, const Given& given = {}) const {
        return printed_by(system, command, given);
    }
};

std::string refusal(const System& system, const Given& given) {
    try {
        run_command(system, "lock", given);
    } catch (const UsageError& error) {
        return error.message;
    }
    return "";
}

}  // namespace

TEST_CASE("an operator locks a machine, sees the lock, and removes it") {
    const Operated machine;
    CHECK(machine.printed("locks") == "this machine is not locked\n");
    const std::string locked =
        machine.printed("lock", {{"NAME", "disks"}, {"--reason", " they are moved "}, {"--for", "2h"}});
    CHECK(locked.starts_with("no run begins on this machine any more; the locks:\n  disks, by alice"));
    CHECK(machine.printed("locks").find("until 2026-11-22T23:31:32.123Z (2 h 0 min): they are moved\n") !=
          std::string::npos);
    const Json list = Json::parse(machine.printed("locks", {{"--json", ""}}));
    CHECK(list == StatusFile(machine.system).read().at("locks"));
    CHECK(list.at(0).at("by").get<std::string>().starts_with("alice"));
    CHECK(machine.printed("unlock", {{"LOCK", "disks"}}).starts_with("the lock disks is removed\nruns begin again"));
    CHECK(StatusFile(machine.system).read().at("locks").empty());
}

TEST_CASE("whoever removes one lock of two is told of the other") {
    const Operated machine;
    CHECK_FALSE(machine.printed("lock", {{"NAME", "disks"}, {"--reason", "a"}}).empty());
    machine.root.write("/var/lib/puppet/state/agent_disabled.lock", R"({"disabled_message": "by Ada"})");
    const std::string text = machine.printed("unlock", {{"LOCK", "disks"}});
    CHECK(text ==
          "the lock disks is removed\nthe machine stays locked:\n  puppet (/var/lib/puppet/state/agent_disabled.lock): "
          "by Ada\n");
}

TEST_CASE("a run that is under way goes on, and whoever locks is told so") {
    const Operated machine;
    StatusFile(machine.system).update([](Json& status) {
        status["run"] = {{"number", 42},
                         {"state", "running"},
                         {"pid", getpid()},
                         {"pid_start", identify_process(getpid()).value().start_ticks}};
    });
    CHECK(machine.printed("lock", {{"NAME", "a"}, {"--reason", "b"}}).find("run 42 is under way, and goes on") !=
          std::string::npos);
    StatusFile(machine.system).update([](Json& status) { status["run"]["state"] = "finished"; });
    CHECK(machine.printed("lock", {{"NAME", "b"}, {"--reason", "b"}}).find("under way") == std::string::npos);
}

TEST_CASE("a lock without a name or a reason that helps anybody is refused, and nothing is locked") {
    const Operated machine;
    for (const char* name : {"", "two words", "\x1b[2J", "../x", "puppet"}) {
        CAPTURE(name);
        CHECK(refusal(machine.system, {{"NAME", name}, {"--reason", "why"}}).starts_with("NAME: "));
    }
    CHECK(refusal(machine.system, {{"NAME", std::string(65, 'a')}, {"--reason", "why"}}).starts_with("NAME: "));
    for (const std::string& reason : {std::string("  "), std::string(501, 'x')}) {
        CHECK(refusal(machine.system, {{"NAME", "a"}, {"--reason", reason}}).starts_with("--reason: "));
    }
    for (const char* lasts : {"", "0s", "2", "tomorrow", "-1h"}) {
        CAPTURE(lasts);
        CHECK(refusal(machine.system, {{"NAME", "a"}, {"--reason", "b"}, {"--for", lasts}}).starts_with("--for: "));
    }
    CHECK_FALSE(machine.root.exists("/var/lib/bootwright/locks.json"));
}

TEST_CASE("Puppet's own lock is removed by Puppet's own command") {
    const Operated machine;
    std::string said;
    try {
        run_command(machine.system, "unlock", {{"LOCK", "puppet"}});
    } catch (const UsageError& error) {
        said = error.message;
    }
    CHECK(said.find("puppet agent --enable") != std::string::npos);
}
