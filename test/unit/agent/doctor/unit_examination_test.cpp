#include "test/fakes/examined.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

std::string unit_that_says(std::vector<std::string> lines) {
    FakeMachine machine;
    machine.root.make_folder("/run/systemd/system");
    machine.processes.answer("show", {.lines = std::move(lines)});
    const auto findings = examined(machine.system, "unit");
    CHECK(all_have_advice(findings));
    return in_lines(findings);
}

}  // namespace

TEST_CASE("a service that runs and starts at boot is good") {
    CHECK(unit_that_says({"LoadState=loaded", "ActiveState=active", "SubState=running", "UnitFileState=enabled",
                          "Result=success", "NRestarts=0"}) ==
          "good: the service is started at boot (enabled)\ngood: the service is active (running)\n");
}

TEST_CASE("what is wrong with the service is said") {
    CHECK(unit_that_says({"LoadState=masked", "ActiveState=inactive", "SubState=dead", "UnitFileState=masked"}) ==
          "bad: the service is masked: nothing can start it\nbad: the service does not run: inactive (dead)\n");
    CHECK(unit_that_says({"LoadState=loaded", "ActiveState=failed", "SubState=failed", "UnitFileState=disabled",
                          "Result=oom-kill"}) ==
          "bad: the service is not started at boot\nbad: the service has failed: oom-kill\n");
    CHECK(unit_that_says(
              {"LoadState=loaded", "ActiveState=active", "SubState=running", "UnitFileState=enabled", "NRestarts=117"})
              .ends_with("bad: systemd has restarted the service 117 times\n"));
    CHECK(unit_that_says({"LoadState=not-found", "ActiveState=inactive"}) == "bad: there is no bootwright.service\n");
    CHECK(unit_that_says({}) == "not_known: systemd does not answer\n");
}

TEST_CASE("without systemd nothing is known of the service, and nobody is asked") {
    FakeMachine machine;
    CHECK(in_lines(examined(machine.system, "unit")) ==
          "not_known: systemd does not run here: nothing starts the agent by itself\n");
    CHECK(machine.processes.started("show").empty());
}
