#include "agent/timeline/boot.hpp"

#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

const Json first_run{{"cause", {{"why", "boot"}}}, {"boot_id", "b1"}, {"started", {{"monotonic_s", 20.0}}}};

/// A machine whose systemd says this.
struct Booted : FakeSystem {
    Booted() {
        root.write("/proc/sys/kernel/random/boot_id", "b1\n");
        const FakeProcesses::Script manager{
            .lines = {"InitRDTimestampMonotonic=1000000", "UserspaceTimestampMonotonic=3000000"}};
        const FakeProcesses::Script units{
            .lines = {"Id=quick.service", "InactiveExitTimestampMonotonic=4000000",
                      "ActiveEnterTimestampMonotonic=4001000", "", "Id=slow.service",
                      "InactiveExitTimestampMonotonic=5000000", "ActiveEnterTimestampMonotonic=9000000", "",
                      "Id=later.service", "InactiveExitTimestampMonotonic=25000000",
                      "ActiveEnterTimestampMonotonic=29000000", "", "Id=never.service",
                      "InactiveExitTimestampMonotonic=0", "ActiveEnterTimestampMonotonic=0"}};
        processes.answer("show", {manager, units});
    }
};

}  // namespace

TEST_CASE("the first run of a boot is told with what systemd did before") {
    Booted booted;
    const auto bars = boot_before(booted.system, first_run);
    REQUIRE(bars.size() == 3);
    CHECK(bars[0].what == "kernel");
    CHECK(bars[0].from == -20);
    CHECK(bars[0].seconds == 1);
    CHECK(bars[1].what == "initrd");
    CHECK(bars[1].seconds == 2);
    CHECK(bars[2].what == "slow.service");
    CHECK(bars[2].from == -15);
    CHECK(bars[2].seconds == 4);
}

TEST_CASE("nothing is told of a boot that is another one, of a later run, and without systemd") {
    Booted booted;
    Json other = first_run;
    other["boot_id"] = "b0";
    CHECK(boot_before(booted.system, other).empty());
    Json scheduled = first_run;
    scheduled["cause"]["why"] = "schedule";
    CHECK(boot_before(booted.system, scheduled).empty());
    CHECK(boot_before(booted.system, Json::object()).empty());
    FakeSystem bare;
    bare.root.write("/proc/sys/kernel/random/boot_id", "b1\n");
    bare.processes.answer("show", {.cannot_start = permanent_error("process.cannot_start", "no systemctl", "x")});
    CHECK(boot_before(bare.system, first_run).empty());
}
