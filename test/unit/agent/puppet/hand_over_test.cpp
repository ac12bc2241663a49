#include "agent/puppet/hand_over.hpp"

#include "common/control_group.hpp"
#include "common/file.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

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
