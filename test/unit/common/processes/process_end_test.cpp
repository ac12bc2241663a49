// How a child and its family end.

#include "common/processes/process.hpp"
#include "common/processes/process_tree.hpp"

#include "common/files/file.hpp"
#include "test/fakes/recorded_process.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

using namespace bootwright;
using namespace bootwright::process_tests;
using namespace std::chrono_literals;

TEST_CASE("at the timeout the child gets SIGTERM") {
    ProcessRequest request = shell("trap 'echo heard; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
    request.timeout = 50ms;
    const Recorded recorded = run(request);
    CHECK(recorded.result.end == End::timed_out);
    // Nothing at all where the machine is so busy that the shell had not come to its trap.
    CHECK((recorded.lines == std::vector<std::string>{"ready", "heard"} || recorded.lines.size() < 2));
}

TEST_CASE("a family that ignores SIGTERM is killed, all of it, in whatever session") {
    const std::string script = GENERATE(values<std::string>({
        "trap '' TERM; (trap '' TERM; sleep 1000) & sleep 1000",
        "(trap '' TERM; sleep 1000) & sleep 1000",  // the child itself dies of SIGTERM, and the rest does not
        "setsid sh -c 'trap \"\" TERM; sleep 1000' & sleep 1000",
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; setsid sleep 1000 & wait' & wait; wait",
        // A daemon: a session of its own, and no parent any more before anybody looks.
        "(setsid sh -c '(trap \"\" TERM; sleep 1000) & exec sleep 1000' & ) ; sleep 1000",
    }));
    CAPTURE(script);
    Family family;
    ProcessRequest request = shell(script);
    request.timeout = 30ms;
    request.grace = 10ms;
    CHECK(run(request).result.end == End::timed_out);
    family.forget_own_end();
    family.wait();  // for ever, if one of them were left
}

TEST_CASE("what a child starts when it hears SIGTERM ends too") {
    SystemProcessRunner runner;
    std::stop_source stop;
    ProcessRequest request =
        shell("trap 'sleep 1000 & echo $!; exit 0' TERM; echo ready; while :; do sleep 0.005; done");
    request.grace = 10ms;
    pid_t orphan = 0;
    const auto stop_when_ready = [&](std::string_view line) {
        if (line == "ready") {
            stop.request_stop();
        } else {
            orphan = std::stoi(std::string(line));
        }
    };
    CHECK(runner.run(request, {.line = stop_when_ready}, stop.get_token()).end == End::stopped);
    // 0: on a busy machine the shell was killed before it came to its trap. Killed, if not yet reaped by process 1.
    const bool is_left = orphan > 0 && identify_process(orphan).has_value();
    CHECK_FALSE(is_left);
}

TEST_CASE("a timeout of nothing ends the child at once") {
    ProcessRequest request = shell("sleep 1000");
    request.timeout = 0ms;
    CHECK(run(request).result.end == End::timed_out);
}

TEST_CASE("a child that says nothing for too long is ended") {
    ProcessRequest request = shell("echo hello; sleep 1000");
    request.silence = 50ms;
    const Recorded recorded = run(request);
    CHECK(recorded.result.end == End::silent);
}

TEST_CASE("a child that speaks in time is not ended, and without a limit none is") {
    ProcessRequest request = shell("for i in 1 2 3; do sleep 0.005; echo $i >&2; done");
    request.silence = never;
    CHECK(run(request).result.end == End::exited);
    request.silence = 0ms;
    CHECK(run(request).result.end == End::exited);
}

TEST_CASE("a stop ends the child, also one that was requested before") {
    std::stop_source stop;
    SystemProcessRunner runner;
    const auto stop_at_line = [&](std::string_view) { stop.request_stop(); };
    CHECK(runner.run(shell("echo x; sleep 1000"), {.line = stop_at_line}, stop.get_token()).end == End::stopped);
    CHECK(run(shell("sleep 1000"), stop.get_token()).result.end == End::stopped);
}

TEST_CASE("a stop counts as such, even if the child then exits by itself") {
    std::stop_source stop;
    SystemProcessRunner runner;
    const auto stop_at_line = [&](std::string_view) { stop.request_stop(); };
    const ProcessResult result = runner.run(shell("trap 'exit 0' TERM; echo x; while :; do sleep 0.01; done"),
                                            {.line = stop_at_line}, stop.get_token());
    CHECK(result.end == End::stopped);
}

TEST_CASE("a grandchild that keeps the output open does not delay the return") {
    const Recorded recorded = run(shell("sleep 1000 & echo $!; exit 3"));
    CHECK(recorded.result.exit_code == 3);
    const pid_t grandchild = to_pid(recorded.lines.at(0));
    REQUIRE(grandchild > 0);
    CHECK(identify_process(grandchild));  // a normal exit leaves the group alone: it may be a service
    kill(grandchild, SIGKILL);
}

TEST_CASE("an exception from an event ends the whole group and is thrown on") {
    SystemProcessRunner runner;
    Family family;
    const auto fail = [](auto&&) { throw std::runtime_error("cannot write"); };
    CHECK_THROWS_AS(runner.run(shell("sleep 1000 & echo x; sleep 1000"), {.line = fail}, {}), std::runtime_error);
    CHECK_THROWS_AS(runner.run(shell("sleep 1000 & echo x >&2; sleep 1000"), {.error_line = fail}, {}),
                    std::runtime_error);
    CHECK_THROWS_AS(runner.run(shell("sleep 1000"), {.started = fail}, {}), std::runtime_error);
    family.forget_own_end();
    family.wait();
}

TEST_CASE("where its family ends with it, nothing that a child has started outlives its exit") {
    const std::string way_to_hide = GENERATE(
        as<std::string>{},
        "setsid sleep 1000 &",                                             // a session of its own
        "(setsid sleep 1000 &)",                                           // and no parent
        "(trap '' TERM HUP INT; setsid sh -c 'sleep 1000' &)",             // deaf
        "sleep 1000 & kill -STOP $!",                                      // stopped
        "setsid sh -c 'while :; do (sleep 1000 &) ; sleep 0.01; done' &",  // goes on while it is killed
        // Forks and exits faster than anybody can read about it; for so long that none outlives a test that is killed itself.
        R"(setsid perl -e '$e = time + 20; while (time < $e) { fork and exit; select(undef, undef, undef, 0.0001) }' &)",
        // Multiplies, up to what a test may take of its machine.
        R"(setsid perl -e '$e = time + 20; for (1..6) { fork } while (time < $e) { fork and exit; select(undef, undef, undef, 0.002) }' &)");
    CAPTURE(way_to_hide);
    Family family;
    ProcessRequest request = shell(way_to_hide + "\nsleep 0.05; exit 7");
    request.ends_family = true;
    const Recorded recorded = run(request);
    CHECK(recorded.result.end == End::exited);
    CHECK(recorded.result.exit_code == 7);
    family.forget_own_end();
    CHECK(family.is_gone());
}

TEST_CASE("the family ends where the agent is gone, if it ends with the child") {
    Family family;
    const pid_t agent = fork();
    if (agent == 0) {
        alarm(60);
        ProcessRequest request = shell("(setsid sleep 1000 &); echo ready; sleep 1000");
        request.ends_family = true;
        SystemProcessRunner().run(request, {.line = [](std::string_view) { kill(getpid(), SIGKILL); }}, {});
        _exit(0);
    }
    waitpid(agent, nullptr, 0);
    family.forget_own_end();
    family.wait();
    CHECK(family.is_gone());
}

TEST_CASE("a child dies with the keeper above it") {
    pid_t child = 0;
    SystemProcessRunner runner;
    ProcessId keeper;
    const ProcessResult result = runner.run(shell("echo $$; exec sleep 1000"),
                                            {.started = [&](ProcessId id) { keeper = id; },
                                             .line =
                                                 [&](std::string_view line) {
                                                     child = to_pid(std::string(line));
                                                     kill(keeper.pid, SIGKILL);
                                                 }},
                                            {});
    CHECK(result.end == End::killed_by_signal);
    CHECK(result.signal == SIGKILL);
    REQUIRE(child > 0);
    while (identify_process(child)) {  // the kernel's signal is on its way
        std::this_thread::yield();
    }
}

TEST_CASE("a child may be left alone on a stop, with all that it has started") {
    std::stop_source stop;
    SystemProcessRunner runner;
    std::vector<ProcessId> asked;
    ProcessId keeper;
    const ProcessResult result = runner.run(shell("sleep 1000 & echo ready; wait"),
                                            {.started = [&](ProcessId id) { keeper = id; },
                                             .leave =
                                                 [&](const std::vector<ProcessId>& all) {
                                                     asked = all;
                                                     return true;
                                                 },
                                             .line = [&](std::string_view) { stop.request_stop(); }},
                                            stop.get_token());
    CHECK(result.end == End::left);
    REQUIRE(asked.size() == 3);
    CHECK(asked.front().pid == keeper.pid);
    CHECK(std::all_of(asked.begin(), asked.end(), is_running));
    CHECK(end_process_tree(keeper) == 3);
    waitpid(keeper.pid, nullptr, 0);
}
