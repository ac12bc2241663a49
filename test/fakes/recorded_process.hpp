#pragma once

// Children of the tests, and what is seen of them.

#include "common/files/file.hpp"
#include "common/processes/process.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>
#include <vector>

namespace bootwright::process_tests {

using namespace std::chrono_literals;

using End = ProcessResult::End;

/// Far beyond what any of these children takes: a test that needs it has failed.
inline constexpr std::chrono::milliseconds never = 60s;

inline ProcessRequest shell(const std::string& script) {
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

inline Recorded run(const ProcessRequest& request, std::stop_token stop = {}) {
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

inline pid_t to_pid(const std::string& text) {
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

}  // namespace bootwright::process_tests
