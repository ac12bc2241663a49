#include "common/processes/process.hpp"
#include "common/processes/process_tree.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/recorded_process.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <set>

using namespace bootwright;
using namespace bootwright::process_tests;

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
        // The program may speak before its keeper has opened the last one.
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (held.size() < 2 && std::chrono::steady_clock::now() < deadline) {
            for (const auto& entry : std::filesystem::directory_iterator(folder / "fd")) {
                held.insert(std::filesystem::read_symlink(entry).string());
            }
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
