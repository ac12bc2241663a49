#include "test/fakes/examined.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

/// bootwright-download, to which the server of the repository says its time.
FakeProcesses::Script server_that_says(const std::string& date) {
    const Json answer{{"answer", {{"status", 404}, {"headers", {{"date", date}}}, {"body", ""}}}};
    return {.lines = {to_line(answer)}};
}

}  // namespace

TEST_CASE("a clock that was set by time servers is good") {
    FakeMachine machine;
    machine.processes.answer("bootwright-download", server_that_says("Sun, 22 Nov 2026 21:33:00 GMT"));
    CHECK(in_lines(examined(machine.system, "clock")) ==
          "good: it says 2026-11-22T21:31:32.123Z, and was set by time servers\n");
}

TEST_CASE("a clock far from what a server says is bad, whoever has set it") {
    FakeMachine machine;
    machine.processes.answer("bootwright-download", server_that_says("Sun, 22 Nov 2026 23:33:00 GMT"));
    const auto findings = examined(machine.system, "clock");
    CHECK(in_lines(findings).find("bad: it says 2026-11-22T21:31:32.123Z, and https://git.example.com says "
                                  "2026-11-22T23:33:00.000Z") == 0);
    CHECK(all_have_advice(findings));
}

TEST_CASE("a clock that nobody has set is good if a server agrees, and else not known") {
    FakeMachine machine;
    machine.clock.synchronised = false;
    SECTION("a server agrees") {
        machine.processes.answer("bootwright-download", server_that_says("Sun, 22 Nov 2026 21:30:00 GMT"));
        CHECK(examined(machine.system, "clock").front().state == Finding::State::good);
    }
    SECTION("what the server says is no time") {
        machine.processes.answer("bootwright-download", server_that_says("yesterday"));
        CHECK(examined(machine.system, "clock").front().state == Finding::State::not_known);
    }
    SECTION("nobody answers") {
        machine.processes.answer("bootwright-download", {.result = {.exit_code = 1}});
        CHECK(examined(machine.system, "clock").front().state == Finding::State::not_known);
    }
}

TEST_CASE("1970 is bad, and nobody need be asked") {
    FakeMachine machine;
    machine.clock.time.wall = std::chrono::system_clock::time_point(std::chrono::hours(3));
    CHECK(in_lines(examined(machine.system, "clock")) == "bad: it says 1970-01-01T03:00:00.000Z, which is long past\n");
    CHECK(machine.processes.started("bootwright-download").empty());
}
