#include "agent/fleet/machine.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/status_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::status_tests;
using namespace std::chrono_literals;

namespace {

Answer answer(int exit_status, const Json& status) { return {exit_status, to_text(status)}; }

Machine read(const Answer& said, std::chrono::milliseconds later = 0s) {
    return machine_of("web-1", said, now.wall + later);
}

}  // namespace

TEST_CASE("the exit status of `bootwright status` says how a machine is") {
    struct Row {
        int exit_status;
        Json daemon;
        std::chrono::milliseconds later;
        MachineState state;
    };
    const Row row = GENERATE(values<Row>({
        {0, a_daemon("waiting"), 0s, MachineState::good},
        {0, nullptr, 240h, MachineState::good},
        {0, a_daemon("stopped"), 240h, MachineState::good},
        {0, a_daemon("waiting"), 10min, MachineState::good},
        {0, a_daemon("waiting"), 11min, MachineState::silent},
        {0, a_daemon("waiting"), -240h, MachineState::good},  // a clock that is ahead
        {1, a_daemon("waiting"), 240h, MachineState::failed},
        {3, a_daemon("running"), 0s, MachineState::not_yet},
        {3, a_daemon("running"), 240h, MachineState::silent},
        {4, nullptr, 0s, MachineState::not_running},
    }));
    CAPTURE(row.exit_status, row.daemon, row.later.count());
    CHECK(read(answer(row.exit_status, a_status(row.daemon, a_good_run(), configured_by(42))), row.later).state ==
          row.state);
}

TEST_CASE("a machine says what it is and what is wrong with it") {
    const Json run =
        a_run({{"state", "finished"},
               {"finished", moment(940)},
               {"error", an_error("transient", "puppet")},
               {"failed_resources", {{{"resource", "Package[a]"}, {"message", "no"}, {"file", "m.pp"}, {"line", 3}}}},
               {"warnings", {"w"}}});
    const Machine machine = read(
        answer(1, a_status(a_daemon("waiting", {{"at", moment(2000)}, {"reason", "retry"}}), run, configured_by(41))));
    CHECK(machine.host == "web-1");
    const Json& said = machine.said;
    CHECK(said.at("role") == "web");
    CHECK(said.at("asked") == "main");
    CHECK(said.at("tried") == revision);
    CHECK(said.at("revision") == revision);
    CHECK(said.at("region") == "us-west-2");
    CHECK(said.at("agent_version") == "0.1.0");
    CHECK(said.at("ended") == "2026-11-22T21:31:32.123Z");
    CHECK(said.at("next").at("reason") == "retry");
    CHECK(said.at("error").at("code") == "server.unreachable");
    CHECK(said.at("error").at("stage") == "puppet");
    CHECK(said.at("failed_resources") ==
          Json::array({{{"resource", "Package[a]"}, {"message", "no"}, {"file", "m.pp"}, {"line", 3}}}));
    CHECK(said.at("warnings") == Json::array({"w"}));
}

TEST_CASE("what is wrong: that no run can begin, before the last run's error, before what it waits for") {
    Json status = a_status(nullptr, a_run({{"retry", {{"error", {{"code", "retry.code"}}}}}}), nullptr);
    CHECK(read(answer(1, status)).said.at("error").at("code") == "retry.code");
    status["run"]["error"] = {{"code", "run.code"}};
    CHECK(read(answer(1, status)).said.at("error").at("code") == "run.code");
    status["blocked"] = {{"error", {{"code", "blocked.code"}}}};
    CHECK(read(answer(1, status)).said.at("error").at("code") == "blocked.code");
}

TEST_CASE("an older agent's status lacks keys, and a shell's greeting stands around it") {
    const Machine machine = read({0, "Welcome to web-1!\n{\"schema\": 1, \"run\": null}\nbye\n"});
    CHECK(machine.state == MachineState::good);
    CHECK(machine.said.at("role").is_null());
    CHECK(machine.said.at("failed_resources").empty());
}

TEST_CASE("of a newer agent's status only its exit status is believed") {
    const Machine machine = read({1, R"({"schema": 2, "agent_version": "9.0", "run": {"role": 7}})"});
    CHECK(machine.state == MachineState::failed);
    CHECK(machine.said.at("error").at("code") == "fleet.newer_agent");
    CHECK(machine.said.at("agent_version") == "9.0");
    CHECK_FALSE(machine.said.contains("role"));
}

TEST_CASE("a machine without an agent, or whose answer is no status, is named with what it said") {
    struct Row {
        Answer answer;
        const char* code;
        const char* said;
    };
    const Row row = GENERATE(values<Row>({
        {{127, "", "x\nsh: 1: bootwright: not found\n\n"}, "fleet.no_agent", "it said: sh: 1: bootwright: not found"},
        {{126, "", "sh: bootwright: Permission denied"}, "fleet.no_agent", "Permission denied"},
        {{0, "This account is currently not available.\n", ""}, "fleet.unreadable", "not available"},
        {{0, "", ""}, "fleet.unreadable", "it said: nothing"},
        {{0, "}{", ""}, "fleet.unreadable", "exit status 0"},
        {{0, "{\"schema\": ", ""}, "fleet.unreadable", "exit status 0"},
        {{0, "{\"other\": 1}", ""}, "fleet.unreadable", "exit status 0"},
        {{2, "{\"schema\": 1}", "no such option"}, "fleet.unreadable", "no such option"},
        {{70, "{\"schema\": 1}", "a defect"}, "fleet.unreadable", "exit status 70"},
    }));
    CAPTURE(row.answer.exit_status, row.answer.output);
    const Error error = error_of([&] { read(row.answer); });
    CHECK(error.code == row.code);
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find(row.said) != std::string::npos);
}

TEST_CASE("a hostile status is cut short, and nothing of it moves a terminal") {
    const std::string longest(4000, 'x');
    Json run = a_run({{"role", longest},
                      {"outcome", "\x1b[2J\nconfigured"},
                      {"puppet_version", {{"deep", longest}}},
                      {"number", "seven"},
                      {"error", {{"code", longest}, {"message", "\u202e"}}},
                      {"warnings", Json::array()},
                      {"failed_resources", "none"}});
    for (int i = 0; i < 50; ++i) {
        run["warnings"].push_back(longest);
    }
    const Machine machine = read(answer(0, a_status("no object", run, Json::array({1}))));
    const std::string text = to_line(machine.said);
    CHECK(text.size() < 12000);
    CHECK(machine.said.at("outcome") == "?[2J configured");
    CHECK(machine.said.at("error").at("message") == "?");
    CHECK(machine.said.at("failed_resources").empty());
}
