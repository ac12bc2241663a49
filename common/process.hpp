#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

struct ProcessRequest {
    std::vector<std::string> arguments;              ///< the program's absolute path first; never a secret in them
    std::map<std::string, std::string> environment;  ///< all of it: nothing is inherited
    std::string input{};                             ///< standard input, which then ends
    int input_descriptor = -1;                       ///< standard input instead of `input`; it stays the caller's
    std::string folder = "/";                        ///< the working folder; empty: this process's own
    std::chrono::milliseconds timeout{0};            ///< from start to exit
    std::chrono::milliseconds silence{0};            ///< ends it when it writes no line for so long; 0: never
    std::chrono::milliseconds grace{5000};           ///< between SIGTERM and SIGKILL
};

struct ProcessResult {
    enum class End { exited, killed_by_signal, timed_out, silent, stopped };
    End end = End::exited;
    int exit_code = 0;  ///< with exited
    int signal = 0;     ///< with killed_by_signal
    std::chrono::milliseconds duration{0};
};

/// A process that may have outlived the agent that started it.
struct ProcessId {
    pid_t pid = 0;
    unsigned long long start_ticks = 0;  ///< field 22 of /proc/PID/stat: tells a reused pid from the same process
};

struct ProcessEvents {
    std::function<void(ProcessId)> started{};
    std::function<void(std::string_view)> line{};        ///< of standard output, without its line end
    std::function<void(std::string_view)> error_line{};  ///< of standard error
    std::function<void(std::string_view)> bytes{};       ///< of standard output as they come; then there are no lines
};

/// Port: child processes.
class ProcessRunner {
public:
    ProcessRunner() = default;
    ProcessRunner(const ProcessRunner&) = delete;
    ProcessRunner& operator=(const ProcessRunner&) = delete;
    virtual ~ProcessRunner() = default;

    /// Runs the program until it exits. At the timeout, after too long a silence and on `stop` it ends with all its
    /// descendants, whatever groups and sessions they made (Puppet's exec makes one each): SIGTERM, then SIGKILL after
    /// `grace`. After a normal exit nothing else is ended (it may have started services), and a grandchild that still holds
    /// the pipes does not delay the return. Lines beyond 64 KiB are cut. An exception from an event ends the tree at once
    /// and is thrown on.
    /// @throws Error process.cannot_start
    virtual ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) = 0;
};

/// posix_spawn, pidfd and poll (docs/decisions/0001-child-processes.md).
class SystemProcessRunner final : public ProcessRunner {
public:
    ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) override;
};

/// The process's identity; nothing if there is no such process.
std::optional<ProcessId> identify_process(pid_t pid);

/// True if exactly this process runs (a zombie does not).
bool is_running(const ProcessId& process);

/// Ends a process that another agent left behind, with all its descendants, at once (SIGKILL). Nothing happens where
/// exactly this process no longer runs. Returns how many were killed.
std::size_t end_process_tree(const ProcessId& root);

}  // namespace bootwright
