#include "agent/record/status_file.hpp"
#include "test/fakes/examined.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

std::string version_said(const FakeProcesses::Script& script) {
    FakeMachine machine;
    machine.processes.answer("--version", script);
    const auto findings = examined(machine.system, "puppet");
    CHECK(all_have_advice(findings));
    return in_lines({findings.front()});
}

}  // namespace

TEST_CASE("Puppet's version is what it says itself") {
    CHECK(version_said({.lines = {"8.10.0"}}).ends_with(" is version 8.10.0\n"));
    CHECK(version_said({.lines = {"6.28.0"}}).ends_with(" is version 6.28.0, which is too old\n"));
    CHECK(version_said({.result = {.exit_code = 1}, .error_lines = {"cannot load such file -- puppet"}})
              .ends_with(" does not work: cannot load such file -- puppet\n"));
    CHECK(version_said({.result = {.end = ProcessResult::End::timed_out}})
              .ends_with(" does not say its version in time\n"));
}

TEST_CASE("how Puppet starts is said") {
    FakeMachine machine;
    machine.processes.answer("--version", {.lines = {"7.23.0"}});
    CHECK(examined(machine.system, "puppet").at(1).advice == "call `bootwright prepare`");
    machine.root.write("/var/cache/bootwright/puppet.compiled", "", 0600);
    StatusFile(machine.system).update([](Json& status) {
        status["run"] = {{"puppet_start", "cold"}, {"puppet_cold_because", "it was upgraded"}};
    });
    CHECK(in_lines({examined(machine.system, "puppet").at(1)}) ==
          "good: Puppet's Ruby is compiled ahead; in the last run it started cold: it was upgraded\n");
}

TEST_CASE("a machine without Puppet is told to get one") {
    const FakeSystem fake;
    CHECK_THROWS_AS(examined(fake.system, "puppet"), Error);  // which the doctor shows with its advice
}
