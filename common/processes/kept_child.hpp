#pragma once

#include "common/files/file.hpp"
#include "common/processes/control_group.hpp"
#include "common/processes/process.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>

namespace bootwright {

/// A program that runs below a keeper, bootwright-keeper, a process of ours that adopts whatever the program's family orphans
/// (PR_SET_CHILD_SUBREAPER), so that a daemon with a session of its own is still found below it. The keeper ends when it is
/// let go, and then hands what is left to process 1. It hears no signal but SIGKILL; then the program dies with it. Where the
/// request says that the family ends with the program, it ends too where the agent is gone.
class KeptChild {
public:
    /// @param group may be null; holds keeper and program from the start
    /// @param prepare is called with the keeper's pid before the program starts: what it sets is inherited
    /// @throws Error process.cannot_start
    KeptChild(const ProcessRequest& request, int input, int output, int error_output, const ControlGroup* group,
              const std::function<void(pid_t keeper)>& prepare);
    KeptChild(const KeptChild&) = delete;
    KeptChild& operator=(const KeptChild&) = delete;
    /// Kills it with all that it started, unless it was let go.
    ~KeptChild();

    [[nodiscard]] ProcessId keeper() const { return keeper_; }

    /// Becomes readable when the program has ended.
    [[nodiscard]] int ended_fd() const { return socket_.get(); }

    /// The program's status as of wait(2), once it has ended; of a keeper that was killed, SIGKILL.
    [[nodiscard]] int status();

    /// Kills the program and all that descends from it, however that hides or multiplies. False if something cannot be
    /// killed (it waits for a disk), or the kernel does not list a process's children.
    bool end_family();

    /// The keeper ends, if the program has: what is left lives on.
    void let_go();

    /// Nothing ends, and this process may.
    void leave() { is_done_ = true; }

private:
    void kill_and_reap();
    void reap();

    UniqueFd socket_;
    ProcessId keeper_;
    const ControlGroup* group_;
    bool is_done_ = false;
};

}  // namespace bootwright
