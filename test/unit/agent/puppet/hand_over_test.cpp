#include "agent/puppet/hand_over.hpp"

#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "common/processes/control_group.hpp"
#include "common/processes/process_tree.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <algorithm>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

/// A machine whose systemd makes the scope. No process has this number: nothing is moved.
struct World {
    FakeSystem fake{};
    HandedOver puppet{.run = 7, .keeper = {1 << 30, 1}, .deadline = 1h};

    World() {
        fake.root.make_folder("/run/bootwright");
        fake.processes.answer("--scope", {.lines = {"0::/system.slice/bootwright-run-7.scope"}});
    }
};

bool has_control_groups() {
    return control_group_mount(read_or_empty("/proc/self/mounts", std::size_t{1} << 20U)).has_value();
}

}  // namespace

TEST_CASE("a Puppet that is handed over is noted, for root alone") {
    World world;
    const bool is_handed_over = hand_over(world.fake.system, world.puppet);
    CHECK(is_handed_over == has_control_groups());
    CHECK(world.fake.root.exists("/run/bootwright/handed_over.json") == is_handed_over);
    if (is_handed_over) {
        CHECK(world.fake.root.mode("/run/bootwright/handed_over.json") == 0600);
    }
    CHECK_FALSE(find_handed_over(world.fake.system));  // it has ended
    CHECK_FALSE(world.fake.root.exists("/run/bootwright/handed_over.json"));
}

TEST_CASE("a Puppet that cannot be noted is not handed over: the next agent would begin another beside it") {
    World world;
    world.fake.root.remove("/run/bootwright");
    world.fake.root.write("/run/bootwright", "a file");
    CHECK_FALSE(hand_over(world.fake.system, world.puppet));
}

TEST_CASE("a Puppet whose time is over is not handed over") {
    World world;
    world.puppet.deadline = 0ms;
    CHECK_FALSE(hand_over(world.fake.system, world.puppet));
    CHECK(world.fake.processes.requests.empty());
}

TEST_CASE("systemd ends a Puppet that is handed over at the deadline of its run") {
    World world;
    world.fake.clock.time.since_boot = 10min;
    world.puppet.deadline = 10min + 1500ms;
    hand_over(world.fake.system, world.puppet);
    REQUIRE(world.fake.processes.requests.size() == (has_control_groups() ? 1 : 0));
    if (has_control_groups()) {
        const auto& words = world.fake.processes.requests[0].arguments;
        for (const char* word : {"--unit=bootwright-run-7", "--property=RuntimeMaxSec=2", "--slice=system.slice"}) {
            CAPTURE(word);
            CHECK(std::find(words.begin(), words.end(), word) != words.end());
        }
    }
}

TEST_CASE("a Puppet is not moved into a group that is not its scope") {
    World world;
    for (const char* group :
         {"0::/system.slice/bootwright.service", "0::/system.slice/bootwright-run-17.scope",
          "0::/system.slice/bootwright-run-7.scope/below", "1:name=systemd:/bootwright-run-7.scope"}) {
        CAPTURE(group);
        world.fake.processes.answer("--scope", {.lines = {group}});
        CHECK_FALSE(hand_over(world.fake.system, world.puppet));
        CHECK_FALSE(world.fake.root.exists("/run/bootwright/handed_over.json"));
    }
}

TEST_CASE("the next agent finds the Puppet that goes on, and stops waiting for one that has ended") {
    const World world;
    const ProcessId self = identify_process(getpid()).value();
    const Json note{{"run", 7}, {"pid", self.pid}, {"pid_start", self.start_ticks}, {"deadline_ms", 90'000}};
    world.fake.root.write("/run/bootwright/handed_over.json", to_text(note));
    const auto found = find_handed_over(world.fake.system);
    REQUIRE(found);
    CHECK(found->run == 7);
    CHECK(found->keeper.pid == self.pid);
    CHECK(found->keeper.start_ticks == self.start_ticks);
    CHECK(found->deadline == 90s);
    CHECK(world.fake.root.exists("/run/bootwright/handed_over.json"));

    Json of_another = note;  // the number went to another process since
    of_another["pid_start"] = self.start_ticks + 1;
    world.fake.root.write("/run/bootwright/handed_over.json", to_text(of_another));
    CHECK_FALSE(find_handed_over(world.fake.system));
    CHECK_FALSE(world.fake.root.exists("/run/bootwright/handed_over.json"));
}
