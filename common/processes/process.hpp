#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// What a child and all that it starts may use, and the control group that holds them if systemd allows one.
struct ProcessLimits {
    enum class IoClass { unchanged, best_effort, idle };
    std::string control_group;              ///< its name
    int nice = 0;                           ///< 0: as this process
    IoClass io_class = IoClass::unchanged;  ///< best_effort: at its lowest priority
    std::uint64_t memory_high = 0;          ///< bytes, beyond which it is slowed down; 0: no limit
    std::uint64_t memory_max = 0;           ///< bytes, beyond which the kernel kills; 0: no limit
};

struct ProcessRequest {
    std::vector<std::string> arguments;              ///< the program's absolute path first; never a secret in them
    std::map<std::string, std::string> environment;  ///< all of it: nothing is inherited
    std::string input{};                             ///< standard input, which then ends
    int input_descriptor = -1;                       ///< standard input instead of `input`; it stays the caller's
    std::string folder = "/";                        ///< the working folder; empty: this process's own
    std::chrono::milliseconds timeout{0};            ///< from start to exit
    std::chrono::milliseconds silence{0};            ///< ends it if it writes no line for so long; 0: never
    std::chrono::milliseconds grace{5000};           ///< between SIGTERM and SIGKILL
    bool ends_family = false;                        ///< after its exit all that it has started ends, daemons too
    std::optional<ProcessLimits> limits{};
};

struct ProcessResult {
    enum class End {
        exited,
        killed_by_signal,
        timed_out,
        silent,
        stopped,
        left  ///< it still runs: ProcessEvents::leave said so
    };
    End end = End::exited;
    int exit_code = 0;  ///< with exited
    int signal = 0;     ///< with killed_by_signal
    std::chrono::milliseconds duration{0};
    std::uint64_t out_of_memory = 0;  ///< processes of it that the kernel killed for want of memory; with limits only
    std::vector<std::string> unmet_limits{};  ///< limits of the request that do not hold, and why
};

/// A process that may have outlived the agent that started it.
struct ProcessId {
    pid_t pid = 0;
    unsigned long long start_ticks = 0;  ///< field 22 of /proc/PID/stat: tells a reused pid from the same process
};

struct ProcessEvents {
    /// Gets the keeper, below which all that the child starts is found (common/processes/kept_child.hpp).
    std::function<void(ProcessId)> started{};
    /// Asked on a stop, with all processes that would have to end, the keeper first: true leaves them alone.
    std::function<bool(const std::vector<ProcessId>&)> leave{};
    std::function<void(std::string_view)> line{};        ///< of standard output, without its line end
    std::function<void(std::string_view)> error_line{};  ///< of standard error
    std::function<void(std::string_view)> bytes{};       ///< of standard output as they come; then `line` is not called
};

/// Port: child processes.
class ProcessRunner {
public:
    ProcessRunner() = default;
    ProcessRunner(const ProcessRunner&) = delete;
    ProcessRunner& operator=(const ProcessRunner&) = delete;
    virtual ~ProcessRunner() = default;

    /// Runs the program until it exits. Ends it with all its descendants at the timeout, after too long a silence and
    /// on `stop`: SIGTERM, then SIGKILL after `grace`. Descendants include orphaned daemons, and those in groups and
    /// sessions of their own (Puppet's exec makes one each). Also ends them if a signal has killed the program itself.
    /// After an exit, ends nothing else (the program may have started services) unless `ends_family` says so; a
    /// grandchild that still holds the pipes does not delay the return. Lines beyond 64 KiB are cut. An exception from
    /// an event ends the tree at once and is thrown on.
    /// @throws Error process.cannot_start; process.cannot_end if `ends_family` is set and something lives on
    virtual ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) = 0;
};

/// poll, and a keeper (docs/decisions/0001-child-processes.md, 0013-control-groups.md).
class SystemProcessRunner final : public ProcessRunner {
public:
    ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) override;
};

}  // namespace bootwright
