#pragma once

#include "common/processes/control_group.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace bootwright {

/// The process's identity. Returns nullopt if there is no such process.
std::optional<ProcessId> identify_process(pid_t pid);

/// True if exactly this process runs (a zombie does not).
bool is_running(const ProcessId& process);

/// Ends a process that another agent left behind, with all its descendants, at once (SIGKILL). Does nothing if exactly
/// this process no longer runs. Returns how many were killed.
std::size_t end_process_tree(const ProcessId& root);

/// A process and all that descends from it. If the root is a keeper (common/processes/kept_child.hpp), orphans stay
/// below it and nothing is missed. The members of the control group, if any, count too.
class ProcessTree {
public:
    ProcessTree(ProcessId root, const ControlGroup* group);

    /// Adds what the members have started since. True if there was anything.
    bool grow();

    /// Sends SIGTERM to each member once, also to those that have come since the last call.
    void ask_to_end();

    /// True if a member other than the root still runs.
    [[nodiscard]] bool is_at_work() const;

    /// Stops all before it kills any: a stopped process starts no other. Returns how many were killed.
    std::size_t kill_all();

    [[nodiscard]] const std::vector<ProcessId>& members() const { return members_; }  ///< the root first

private:
    void signal(int number, std::size_t first = 0) const;
    [[nodiscard]] bool contains(const ProcessId& process) const;

    std::vector<ProcessId> members_;
    const ControlGroup* group_;
    std::size_t asked_ = 0;  ///< members that have got SIGTERM
};

}  // namespace bootwright
