#include "agent/puppet/flush.hpp"

#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

using namespace bootwright;

namespace {

struct Flushing : FakeSystem {
    std::vector<std::string> warnings{};
    std::stop_source stop{};

    bool after(const std::optional<ResourceCounts>& resources, bool is_owed = false) {
        PuppetResult result;
        result.resources = resources;
        const StageEvents events{
            .progress = {}, .child_started = {}, .warning = [&](const std::string& text) { warnings.push_back(text); }};
        return flush_after(result, is_owed, system, events, stop.get_token());
    }
    [[nodiscard]] std::size_t flushed() const { return processes.started("--file-system").size(); }
};

constexpr ResourceCounts unchanged{.total = 9};
constexpr ResourceCounts changed{.total = 9, .changed = 1};

}  // namespace

TEST_CASE("the disks are flushed after a Puppet that may have changed something, and where it is owed") {
    Flushing machine;
    machine.root.write("/proc/self/mounts", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /srv/data xfs rw 0 0\n");
    machine.processes.answer("--file-system", FakeProcesses::Script{});
    SECTION("unchanged") {
        CHECK(machine.after(unchanged));
        CHECK(machine.flushed() == 0);
    }
    SECTION("changed") {
        CHECK(machine.after(changed));
        CHECK(machine.flushed() == 1);
        CHECK(machine.processes.requests.front().arguments ==
              std::vector<std::string>{"/bin/sync", "--file-system", "/", "/srv/data"});
        CHECK(machine.processes.requests.front().timeout == std::chrono::minutes(1));
    }
    SECTION("half done") {
        CHECK(machine.after(ResourceCounts{.total = 9, .failed = 1}));
        CHECK(machine.flushed() == 1);
    }
    SECTION("ended before it said anything") {
        CHECK(machine.after(std::nullopt));
        CHECK(machine.flushed() == 1);
    }
    SECTION("owed") {
        CHECK(machine.after(unchanged, true));
        CHECK(machine.flushed() == 1);
    }
    CHECK(machine.warnings.empty());
}

TEST_CASE("disks that cannot be flushed are a warning that says why, and stay owed") {
    struct Row {
        FakeProcesses::Script script;
        const char* says;
    };
    const Row row = GENERATE(
        Row{{.result = {.end = ProcessResult::End::timed_out}}, "`sync` has not ended after 1 min"},
        Row{{.result = {.exit_code = 1}, .error_lines = {"sync: error syncing '/': Input/output error"}},
            "'/': Input/output error"},
        Row{{.result = {.end = ProcessResult::End::killed_by_signal, .signal = 9}}, "`sync` has failed"},
        Row{{.cannot_start = transient_error("process.cannot_start", "cannot start it", "")}, "cannot start it"});
    Flushing machine;
    machine.processes.answer("--file-system", row.script);
    CHECK_FALSE(machine.after(changed));
    REQUIRE(machine.warnings.size() == 1);
    CHECK(machine.warnings.front().find(row.says) != std::string::npos);
    CHECK(machine.warnings.front().find("power cut") != std::string::npos);
}

TEST_CASE("a run that is stopped flushes nothing, and owes it") {
    Flushing machine;
    SECTION("before") {
        machine.stop.request_stop();
        CHECK_FALSE(machine.after(changed));
        CHECK(machine.flushed() == 0);
    }
    SECTION("meanwhile") {
        machine.processes.answer("--file-system", FakeProcesses::Script{.work = [&](const ProcessRequest&) {
                                     machine.stop.request_stop();
                                 }});
        CHECK_FALSE(machine.after(changed));
        CHECK(machine.flushed() == 1);
    }
    CHECK(machine.warnings.empty());
}
