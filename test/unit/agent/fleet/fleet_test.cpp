// The command, over a script in place of ssh.

#include "agent/fleet/ask.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"
#include "test/fakes/signal_mask.hpp"
#include "test/fakes/status_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
using namespace bootwright::status_tests;

namespace {

/// A machine with an ssh that answers each connection by a script.
struct Operator : FakeSystem {
    explicit Operator(FakeProcesses::Script script) {
        root.write("/usr/bin/ssh", "");
        processes.answer("-T", std::move(script));
    }
    std::vector<Machine> ask(std::chrono::milliseconds timeout = 20s) {
        return ask_machines(system, {"web-1"}, {1, timeout}, [](std::size_t) {}, {});
    }
};

FakeProcesses::Script ends_with(int exit_code, std::vector<std::string> lines, std::vector<std::string> errors = {}) {
    return {.result = {.exit_code = exit_code}, .lines = std::move(lines), .error_lines = std::move(errors)};
}

std::string a_good_status() { return to_text(a_status(nullptr, a_good_run(), configured_by(42))); }

struct Ran {
    int status;
    std::string text;
};

Ran run_fleet(const System& system, std::map<std::string, std::string> given,
              const std::vector<std::string>& hosts = {"web-1"}) {
    const SignalMask mask;
    const CapturedOutput output;
    given.try_emplace("--jobs", "1");  // the script is for one at a time
    const int status = run_command(system, "fleet", given, {{"HOST", hosts}});
    return {status, output.text()};
}

}  // namespace

TEST_CASE("ssh is asked so that it asks nothing back, and takes no name for an option") {
    Operator fake(ends_with(0, {a_good_status()}));
    fake.system.environment["SSH_AUTH_SOCK"] = "/run/agent";
    CHECK(fake.ask(3500ms).front().state == MachineState::good);
    const ProcessRequest& request = fake.processes.requests.front();
    const auto& words = request.arguments;
    CHECK(words.front() == "/usr/bin/ssh");
    for (const char* option : {"BatchMode=yes", "ConnectTimeout=2", "ControlMaster=no", "ClearAllForwardings=yes"}) {
        CAPTURE(option);
        CHECK(std::find(words.begin(), words.end(), option) != words.end());
    }
    CHECK(std::vector(words.end() - 3, words.end()) ==
          std::vector<std::string>{"--", "web-1", "bootwright status --json"});
    CHECK(request.timeout == 3500ms);
    CHECK(request.environment.at("SSH_AUTH_SOCK") == "/run/agent");
    CHECK(request.environment.at("SSH_ASKPASS_REQUIRE") == "force");
}

TEST_CASE("a connection takes ten seconds at most, and one at least") {
    Operator fake(ends_with(0, {a_good_status()}));
    const auto [timeout, option] = GENERATE(
        table<std::chrono::milliseconds, std::string>({{500ms, "ConnectTimeout=1"}, {1min, "ConnectTimeout=10"}}));
    fake.ask(timeout);
    const auto& words = fake.processes.requests.front().arguments;
    CHECK(std::find(words.begin(), words.end(), option) != words.end());
}

TEST_CASE("a machine that ssh does not get an answer from is named with why") {
    struct Row {
        FakeProcesses::Script script;
        MachineState state;
        const char* code;
        const char* said;
    };
    const auto ended = [](ProcessResult::End end) {
        return FakeProcesses::Script{.result = {.end = end, .signal = 9}};
    };
    const Row row = GENERATE_COPY(values<Row>({
        {ends_with(255, {}, {"ssh: connect to host web-1 port 22: Connection refused"}), MachineState::unreachable,
         "fleet.unreachable", "Connection refused"},
        {ends_with(255, {}, {"root@web-1: Permission denied (publickey,password)."}), MachineState::unreachable,
         "fleet.access_denied", "Permission denied"},
        {ends_with(255, {}, {"Host key verification failed."}), MachineState::unreachable, "fleet.host_key", "unknown"},
        {ended(ProcessResult::End::timed_out), MachineState::unreachable, "fleet.timeout", "within 20.0 s"},
        {ended(ProcessResult::End::killed_by_signal), MachineState::unreachable, "fleet.unreachable", "nothing"},
        {{.cannot_start = transient_error("process.cannot_start", "no memory", "x")},
         MachineState::unreachable,
         "process.cannot_start",
         "no memory"},
        {ends_with(127, {}, {"sh: bootwright: not found"}), MachineState::unanswered, "fleet.no_agent", "not found"},
        {ends_with(0, {std::string((std::size_t{1} << 20U) + 1, ' ')}), MachineState::unanswered, "fleet.unreadable",
         "1 MiB"},
    }));
    CAPTURE(row.code);
    Operator fake(row.script);
    const Machine machine = fake.ask().front();
    CHECK(machine.state == row.state);
    CHECK(machine.said.at("error").at("code") == row.code);
    CHECK(machine.said.at("error").at("message").get<std::string>().find(row.said) != std::string::npos);
}

TEST_CASE("only the end of what ssh says is kept") {
    Operator fake(ends_with(255, {}, std::vector<std::string>(100, std::string(60000, 'x'))));
    CHECK(fake.ask().front().said.at("error").at("message").get<std::string>().size() < 600);
}

TEST_CASE("without an ssh nobody can be asked") {
    const FakeSystem fake;
    const Error error = error_of([&] { ask_machines(fake.system, {"web-1"}, {}, [](std::size_t) {}, {}); });
    CHECK(error.code == "fleet.no_ssh");
}

TEST_CASE("a stop ends the asking") {
    Operator fake(ends_with(0, {a_good_status()}));
    std::stop_source stop;
    stop.request_stop();
    fake.processes.answer("-T", FakeProcesses::Script{.result = {.end = ProcessResult::End::stopped}});
    CHECK(error_of([&] {
              ask_machines(
                  fake.system, {"a", "b"}, {1, 1s}, [](std::size_t) {}, stop.get_token());
          }).code == "stopped");
    CHECK(fake.processes.requests.size() == 1);
}

TEST_CASE("the exit status of a fleet is that of its worst machine") {
    struct Row {
        int machine;
        int fleet;
    };
    const Row row = GENERATE(
        values<Row>({{0, exit_ok}, {1, exit_failed}, {3, exit_not_yet}, {4, exit_failed}, {127, exit_failed}}));
    CAPTURE(row.machine);
    Operator fake(ends_with(row.machine, {a_good_status()}));
    CHECK(run_fleet(fake.system, {}).status == row.fleet);
}

TEST_CASE("a fleet as JSON, and as a page that only its owner reads") {
    Operator fake(ends_with(0, {a_good_status()}));
    const Json overview = Json::parse(run_fleet(fake.system, {{"--json", ""}}, {"web-1", "web-2"}).text);
    CHECK(overview.at("counts") == Json{{"good", 2}});
    CHECK(overview.at("machines").at(1).at("host") == "web-2");
    run_fleet(fake.system, {{"--html", fake.root.path("/fleet.html")}});
    CHECK(fake.root.read("/fleet.html").find("\"host\":\"web-1\"") != std::string::npos);
    CHECK(fake.root.mode("/fleet.html") == 0600);
}

TEST_CASE("options that make no sense are the command line's fault") {
    Operator fake(ends_with(0, {a_good_status()}));
    const auto [option, value] = GENERATE(table<std::string, std::string>({{"--jobs", "0"},
                                                                           {"--jobs", "129"},
                                                                           {"--jobs", "4x"},
                                                                           {"--timeout", "soon"},
                                                                           {"--timeout", "0s"},
                                                                           {"--every", "x"}}));
    CAPTURE(option, value);
    CHECK_THROWS_AS(run_fleet(fake.system, {{option, value}}), UsageError);
    CHECK(fake.processes.requests.empty());
}
