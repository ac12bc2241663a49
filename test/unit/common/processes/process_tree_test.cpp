#include "common/processes/process_tree.hpp"

#include "common/processes/process.hpp"
#include "test/fakes/recorded_process.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <limits>

using namespace bootwright;
using namespace bootwright::process_tests;

TEST_CASE("a process is known by its number and its start") {
    const auto self = identify_process(getpid());
    REQUIRE(self);
    CHECK(self->start_ticks > 0);
    CHECK(is_running(*self));
    CHECK(identify_process(1));
    CHECK_FALSE(is_running({self->pid, self->start_ticks + 1}));
    CHECK_FALSE(is_running({0, 0}));
    CHECK_FALSE(is_running({-1, 0}));
    CHECK_FALSE(identify_process(0));
    CHECK_FALSE(identify_process(std::numeric_limits<pid_t>::max()));
}

TEST_CASE("a process whose name looks like a part of its state is read right") {
    const TemporaryRoot root;
    std::filesystem::copy_file("/bin/sleep", root.path() / "a) Z 1 (b");
    std::optional<ProcessId> found;
    SystemProcessRunner runner;
    std::stop_source stop;
    ProcessRequest request = shell("'./a) Z 1 (b' 1000 & echo $!; wait");
    request.folder = root.path();
    const auto identify = [&](std::string_view line) {
        found = identify_process(to_pid(std::string(line)));
        stop.request_stop();
    };
    runner.run(request, {.line = identify}, stop.get_token());
    REQUIRE(found);
    CHECK(found->start_ticks > 0);
}

TEST_CASE("a zombie does not run") {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(0);
    }
    siginfo_t info{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    CHECK_FALSE(identify_process(child));
    waitpid(child, nullptr, 0);
}

TEST_CASE("what a killed run left is ended with its descendants, wherever they have gone") {
    Family family;
    SystemProcessRunner runner;
    ProcessId left;
    std::size_t wrong = 99;
    std::size_t killed = 0;
    // A group of its own, a session of its own, and a grandchild that ignores every polite request.
    const ProcessResult result =
        runner.run(shell("sleep 1000 & setsid sh -c 'trap \"\" TERM; sleep 1000 & echo ready; wait' & wait"),
                   {.started = [&](ProcessId id) { left = id; },
                    .line =
                        [&](std::string_view) {
                            wrong = end_process_tree({left.pid, left.start_ticks + 1});
                            killed = end_process_tree(left);
                        }},
                   {});
    CHECK(wrong == 0);
    CHECK(killed == 5);  // with the keeper
    CHECK(result.end == End::killed_by_signal);
    CHECK(result.signal == SIGKILL);
    family.forget_own_end();
    family.wait();
    CHECK(end_process_tree(left) == 0);
    CHECK(end_process_tree({0, 0}) == 0);
    CHECK(end_process_tree({-1, 0}) == 0);
}

TEST_CASE("what is left by a child that a signal killed ends as well, and by one that exits it does not") {
    const Recorded killed = run(shell("setsid sleep 1000 & echo $!; kill -9 $$"));
    CHECK(killed.result.end == End::killed_by_signal);
    CHECK_FALSE(identify_process(to_pid(killed.lines.at(0))));
    const Recorded exited = run(shell("(setsid sleep 1000 >/dev/null 2>&1 & echo $!)"));
    CHECK(exited.result.end == End::exited);
    const pid_t daemon = to_pid(exited.lines.at(0));
    REQUIRE(identify_process(daemon));
    kill(daemon, SIGKILL);
}
