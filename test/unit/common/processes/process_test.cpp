#include "common/processes/process.hpp"
#include "common/processes/process_tree.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <limits>
#include <set>
#include <stdexcept>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

using End = ProcessResult::End;

/// Far beyond what any of these children takes: a test that needs it has failed.
constexpr std::chrono::milliseconds never = 60s;

ProcessRequest shell(const std::string& script) {
    return {.arguments = {"/bin/sh", "-c", script},
            .environment = {{"PATH", "/usr/bin:/bin"}},
            .timeout = never,
            .grace = never};
}

struct Recorded {
    ProcessResult result{};
    std::vector<std::string> lines{};
    std::vector<std::string> error_lines{};
    ProcessId started{};
};

Recorded run(const ProcessRequest& request, std::stop_token stop = {}) {
    SystemProcessRunner runner;
    Recorded recorded;
    recorded.result =
        runner.run(request,
                   {.started = [&](ProcessId id) { recorded.started = id; },
                    .line = [&](std::string_view line) { recorded.lines.emplace_back(line); },
                    .error_line = [&](std::string_view line) { recorded.error_lines.emplace_back(line); }},
                   std::move(stop));
    return recorded;
}

pid_t to_pid(const std::string& text) {
    pid_t pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    return pid;
}

/// A pipe that a child's whole family holds open: it ends when the last of them is gone.
class Family {
public:
    Family() {
        std::array<int, 2> ends{};
        REQUIRE(pipe(ends.data()) == 0);  // without O_CLOEXEC for the child
        read_end_ = UniqueFd(ends[0]);
        write_end_ = UniqueFd(ends[1]);
    }
    void forget_own_end() { write_end_.reset(); }
    /// True where nobody holds it any more.
    [[nodiscard]] bool is_gone() const {
        pollfd ended{read_end_.get(), POLLIN, 0};
        return poll(&ended, 1, 0) == 1 && (ended.revents & POLLHUP) != 0;
    }
    /// Returns when all who hold the pipe have ended.
    void wait() const {
        char byte = 0;
        while (read(read_end_.get(), &byte, 1) > 0) {
        }
    }

private:
    UniqueFd read_end_;
    UniqueFd write_end_;
};

}  // namespace

TEST_CASE("a child's exit status, output and errors are reported") {
    const Recorded recorded = run(shell("echo one; echo two; echo wrong >&2; exit 7"));
    CHECK(recorded.result.end == End::exited);
    CHECK(recorded.result.exit_code == 7);
    CHECK(recorded.result.signal == 0);
    CHECK(recorded.lines == std::vector<std::string>{"one", "two"});
    CHECK(recorded.error_lines == std::vector<std::string>{"wrong"});
    CHECK(recorded.started.pid > 0);
}

TEST_CASE("a child may run without anybody who listens") {
    SystemProcessRunner runner;
    CHECK(runner.run(shell("echo x; echo y >&2; exit 3"), {}, {}).exit_code == 3);
}

TEST_CASE("lines are whole, however they are written") {
    CHECK(run(shell("printf 'a\\n\\nb'")).lines == std::vector<std::string>{"a", "", "b"});
    CHECK(run(shell("printf 'no end'")).lines == std::vector<std::string>{"no end"});
    CHECK(run(shell("printf 'a'; printf 'b\\n'")).lines == std::vector<std::string>{"ab"});
    CHECK(run(shell("printf '\\n'")).lines == std::vector<std::string>{""});
    CHECK(run(shell("printf 'a\\r\\n\\377\\000z\\n'")).lines ==
          std::vector<std::string>{"a\r", std::string("\xff\0z", 3)});
    CHECK(run(shell("true")).lines.empty());
}

TEST_CASE("a long line is cut, and the next one is whole again") {
    const Recorded recorded = run(shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next"));
    REQUIRE(recorded.lines.size() == 2);
    CHECK(recorded.lines[0] == std::string(65536, 'x'));
    CHECK(recorded.lines[1] == "next");
}

TEST_CASE("much output is read to its end") {
    const Recorded recorded = run(shell("seq 1 50000; echo last >&2"));
    REQUIRE(recorded.lines.size() == 50000);
    CHECK(recorded.lines.back() == "50000");
    CHECK(recorded.error_lines == std::vector<std::string>{"last"});
}

TEST_CASE("a child that a signal ended is told apart from one that exits") {
    const Recorded recorded = run(shell("kill -9 $$"));
    CHECK(recorded.result.end == End::killed_by_signal);
    CHECK(recorded.result.signal == SIGKILL);
    CHECK(recorded.result.exit_code == 0);
    CHECK(run(shell("kill -SEGV $$")).result.signal == SIGSEGV);
}

TEST_CASE("large input reaches the child, which may answer at the same time") {
    ProcessRequest request = shell("cat");
    for (int i = 0; i < 20000; ++i) {
        request.input += "line " + std::to_string(i) + "\n";
    }
    const Recorded recorded = run(request);
    REQUIRE(recorded.lines.size() == 20000);
    CHECK(recorded.lines.back() == "line 19999");
}

TEST_CASE("input ends, also where there is none") {
    CHECK(run(shell("cat; echo end")).lines == std::vector<std::string>{"end"});
    ProcessRequest request = shell("wc -c");
    request.input = "12345";
    CHECK(trimmed(run(request).lines.at(0)) == "5");
}

TEST_CASE("a child that does not read its input does no harm") {
    ProcessRequest request = shell("exec 0<&-; echo closed; exit 4");
    request.input = std::string(1000000, 'x');
    CHECK(run(request).result.exit_code == 4);
    request = shell("exit 5");
    request.input = std::string(1000000, 'x');
    CHECK(run(request).result.exit_code == 5);
}

TEST_CASE("the environment is only what the request says, and the folder is the root") {
    setenv("BOOTWRIGHT_TEST_LEAK", "leaked", 1);
    ProcessRequest request = shell("env; pwd");
    request.environment = {{"PATH", "/usr/bin:/bin"}, {"GREETING", "a b=c\nd"}};
    const Recorded recorded = run(request);
    unsetenv("BOOTWRIGHT_TEST_LEAK");
    const std::string all = joined(recorded.lines, "|");
    CHECK(all.find("leaked") == std::string::npos);
    CHECK(all.find("HOME=") == std::string::npos);
    CHECK(all.find("GREETING=a b=c|d") != std::string::npos);
    CHECK(recorded.lines.back() == "/");
}

TEST_CASE("a child inherits no lock and none of the pipes") {
    const TemporaryRoot root;
    const auto lock = FileLock::try_take(root.path() / "run.lock");
    const Recorded recorded = run(shell("ls -l /proc/self/fd; ls /proc/self/fd | sort -n | head -n 3"));
    CHECK(joined(recorded.lines, "\n").find("run.lock") == std::string::npos);
    CHECK(joined(recorded.lines, "\n").find("eventfd") == std::string::npos);
    CHECK(joined(recorded.lines, "\n").find("pidfd") == std::string::npos);
    CHECK(joined(recorded.lines, "\n").ends_with("\n0\n1\n2"));
}

TEST_CASE("the keeper is a program of its own, and holds nothing of the agent") {
    const TemporaryRoot root;
    const auto lock = FileLock::try_take(root.path() / "run.lock");
    pid_t keeper = 0;
    std::string program;
    std::vector<std::string> arguments;
    std::set<std::string> held;
    SystemProcessRunner runner;
    const auto look = [&](std::string_view) {
        const std::filesystem::path folder = "/proc/" + std::to_string(keeper);
        program = std::filesystem::read_symlink(folder / "exe").filename();
        arguments = split(read_file(folder / "cmdline", 4096), '\0');
        for (const auto& entry : std::filesystem::directory_iterator(folder / "fd")) {
            held.insert(std::filesystem::read_symlink(entry).string());
        }
    };
    ProcessRequest request = shell("echo ready; read word");
    runner.run(request, {.started = [&](ProcessId id) { keeper = id.pid; }, .line = look}, {});
    CHECK(program == "bootwright-keeper");
    CHECK(arguments.size() == 2);  // its own name, and what stands after the last \0
    REQUIRE(held.size() == 2);
    CHECK(*held.begin() == "anon_inode:[signalfd]");
    CHECK(held.rbegin()->starts_with("socket:"));
}

TEST_CASE("arguments of any kind arrive as they are, and too many are an error") {
    ProcessRequest request = shell("printf '<%s>' \"$@\"");
    const std::vector<std::string> odd{"sh", "", "a b", "\n", "\xff", "ends", std::string(100'000, 'x')};
    request.arguments.insert(request.arguments.end(), odd.begin(), odd.end());
    std::string said;
    SystemProcessRunner().run(request, {.bytes = [&](std::string_view bytes) { said += bytes; }}, {});
    CHECK(said == "<><a b><\n><\xff><ends><" + odd.back() + ">");
    request.arguments.push_back(odd.back());
    CHECK(error_of([&] { return run(request).result; }).code == "process.cannot_start");
    request.arguments.assign(3000, "/bin/true");
    CHECK(error_of([&] { return run(request).result; }).code == "process.cannot_start");
}

TEST_CASE("the working folder is the request's, and one that is not there is an error") {
    const TemporaryRoot root;
    ProcessRequest request = shell("pwd");
    request.folder = root.path();
    CHECK(run(request).lines == std::vector<std::string>{root.path().string()});
    request.folder = "";
    CHECK(run(request).lines == std::vector<std::string>{std::filesystem::current_path().string()});
    request.folder = "/no/such/folder";
    CHECK(error_of([&] { return run(request).result; }).code == "process.cannot_start");
}

TEST_CASE("signals that the agent blocks and ignores reach its children") {
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    auto* const handler = signal(SIGPIPE, SIG_IGN);
    const Recorded term = run(shell("kill -TERM $$; echo survived"));
    const Recorded pipe = run(shell("kill -PIPE $$; echo survived"));
    signal(SIGPIPE, handler);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    CHECK(term.result.signal == SIGTERM);
    CHECK(pipe.result.signal == SIGPIPE);
}

TEST_CASE("a program that is not there is an error that names it") {
    const Error error = error_of([&] { return run({.arguments = {"/no/such/program"}, .timeout = never}).result; });
    CHECK(error.code == "process.cannot_start");
    CHECK(error.message.find("/no/such/program") != std::string::npos);
    const TemporaryRoot root;
    root.write("/script", "#!/bin/sh\n", 0644);
    CHECK(error_of([&] {
              return run({.arguments = {(root.path() / "script").string()}, .timeout = never}).result;
          }).code == "process.cannot_start");
}

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

TEST_CASE("no descriptor and no zombie is left behind") {
    const auto count = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                             std::filesystem::directory_iterator());
    };
    const auto before = count();
    for (int i = 0; i < 5; ++i) {
        run(shell("echo x; kill -9 $$"));
        CHECK_THROWS_AS(run({.arguments = {"/no/such/program"}, .timeout = never}), Error);
    }
    CHECK(count() == before);
    CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
}

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

TEST_CASE("nice and I/O class are inherited, and limits that cannot be are told") {
    ProcessRequest request = shell("nice; ionice");
    request.limits = ProcessLimits{.control_group = "puppet",
                                   .nice = 7,
                                   .io_class = ProcessLimits::IoClass::idle,
                                   .memory_max = std::uint64_t{1} << 30U};
    const Recorded recorded = run(request);
    CHECK(recorded.lines.at(0) == "7");
    CHECK(recorded.lines.at(1) == "idle");
    // The tests do not run as a service.
    REQUIRE(recorded.result.unmet_limits.size() == 1);
    CHECK(recorded.result.unmet_limits.front().starts_with("memory.max: "));
    request.limits->io_class = ProcessLimits::IoClass::best_effort;
    CHECK(run(request).lines.at(1) == "best-effort: prio 7");
}
