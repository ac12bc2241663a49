
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/processes/process_tree.hpp"
#include "test/fakes/fake_machine.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <csignal>
#include <iostream>
#include <sstream>

using namespace bootwright;

namespace {

/// Standard output and the blocked signals are put back.
class Foreground {
public:
    Foreground() : before_(std::cout.rdbuf(text_.rdbuf())) { pthread_sigmask(SIG_SETMASK, nullptr, &mask_); }
    Foreground(const Foreground&) = delete;
    Foreground& operator=(const Foreground&) = delete;
    ~Foreground() {
        std::cout.rdbuf(before_);
        pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    }
    [[nodiscard]] std::string text() const { return text_.str(); }

private:
    std::ostringstream text_{};
    std::streambuf* before_;
    sigset_t mask_{};
};

struct Ran {
    int status;
    std::string text;
};

/// Outside of any CHECK: Catch2 redirects standard output anew at each assertion.
Ran run_in_foreground(const System& system) {
    const Foreground terminal;
    const int status = run_command(system, "run");
    return {status, terminal.text()};
}

}  // namespace

TEST_CASE("a good run in the foreground ends with its status and 0") {
    FakeMachine machine;
    const auto [status, text] = run_in_foreground(machine.system);
    CHECK(status == exit_ok);
    CHECK(text.find("configured: role web at 0123456789ab") != std::string::npos);
}

TEST_CASE("a failed run in the foreground ends with what is wrong and 1") {
    FakeMachine machine;
    machine.http.answer("GET /latest/user-data", "{\"rol\": \"web\"}");
    const auto [status, text] = run_in_foreground(machine.system);
    CHECK(status == exit_failed);
    CHECK(text.find("FAILED") != std::string::npos);
    CHECK(text.find("did you mean \"role\"?") != std::string::npos);
}

TEST_CASE("Ctrl-C stops the run, which is recorded as interrupted") {
    FakeMachine machine;
    // To this thread, which hears it; a thread that another test has left might take it otherwise.
    machine.processes.answer("apply",
                             {.work = [self = pthread_self()](const ProcessRequest&) { pthread_kill(self, SIGINT); }});
    machine.root.write("/etc/bootwright/agent.json",
                       R"({"retry": {"puppet": {"attempts": 1000, "base": "1s", "cap": "1s"}}})");
    machine.clock.on_sleep = [](std::size_t) { usleep(1000); };  // lets the main thread hear the signal
    const auto [status, text] = run_in_foreground(machine.system);
    CHECK(status == exit_failed);
    CHECK(text.find("interrupted") != std::string::npos);
}

TEST_CASE("a run by hand says of the daemon what is true") {
    FakeMachine machine;
    // The daemon is alive: this very process stands for it.
    machine.root.write("/run/bootwright/status.json",
                       to_line({{"schema", 1},
                                {"boot_id", "b0071d00-0000-4000-8000-000000000001"},
                                {"daemon",
                                 {{"pid", getpid()},
                                  {"pid_start", identify_process(getpid()).value().start_ticks},
                                  {"state", "waiting"}}}}));
    const auto [status, text] = run_in_foreground(machine.system);
    CHECK(status == exit_ok);
    CHECK(text.find("not running") == std::string::npos);
}

TEST_CASE("the version is printed") {
    const Foreground terminal;
    const int status = run_command(FakeSystem().system, "version");
    const std::string text = terminal.text();
    CHECK(status == exit_ok);
    CHECK(text.starts_with("bootwright 0."));
}
