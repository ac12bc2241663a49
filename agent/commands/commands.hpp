#pragma once

#include "agent/system.hpp"
#include "common/clock.hpp"
#include "common/json.hpp"
#include "common/process.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace bootwright {

/// The exit statuses of all commands; docs/commands.md lists them for users.
enum ExitStatus : int {
    exit_ok = 0,           ///< the instance is configured
    exit_failed = 1,       ///< the last run failed
    exit_usage = 2,        ///< the command line is wrong
    exit_not_yet = 3,      ///< nothing has ended yet, or the wait timed out
    exit_not_running = 4,  ///< nothing has run, and no agent is running
    exit_locked = 5,       ///< another run (or daemon) is under way
    exit_internal = 70,    ///< a defect of bootwright
};

int daemon_command(const System& system);

/// One run in the foreground, with live progress on a terminal.
int run_command(const System& system);

struct StatusOptions {
    bool json = false;
    bool wait = false;
    std::optional<std::chrono::milliseconds> timeout{};  ///< with wait; nothing: no limit
};
int status_command(const System& system, const StatusOptions& options);

int version_command();

/// What status_command prints and answers, from the status itself; `now` is what the clock says, and `alive` tells whether
/// a process of the status still runs.
struct StatusView {
    ExitStatus verdict = exit_not_running;
    bool is_final = false;  ///< `--wait` need not wait for more
    std::string text;       ///< for people
};
StatusView view_status(const Json& status, const Instant& now, const std::function<bool(ProcessId)>& alive);

}  // namespace bootwright
