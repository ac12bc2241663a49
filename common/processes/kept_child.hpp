#pragma once

#include "common/files/file.hpp"
#include "common/processes/control_group.hpp"
#include "common/processes/process.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>

namespace bootwright {

/// A program that runs below a keeper (bootwright-keeper). The keeper adopts the orphans of the program's family
/// (PR_SET_CHILD_SUBREAPER), so that a daemon with a session of its own is still found below it. The keeper ends when
/// it is let go, and then hands what is left to process 1. It ends on no signal but SIGKILL; then the program dies with
/// it. If the request says that the family ends with the program, the family also ends once the agent is gone.
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

    /// The program's status as wait(2) gives it, once it has ended; SIGKILL if the keeper was killed.
    [[nodiscard]] int status();

    /// Kills the program and all that descends from it, however that hides or multiplies. False if something cannot be
    /// killed (it waits for a disk), or the kernel does not list a process's children.
    bool end_family();

    /// Ends the keeper if the program has ended: what is left lives on.
    void let_go();

    /// Ends nothing, so that this process may end.
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
