#pragma once

#include "agent/commands/command.hpp"
#include "common/base/clock.hpp"
#include "common/documents/json.hpp"
#include "common/processes/process.hpp"

#include <functional>
#include <string>
#include <vector>

namespace bootwright {

/// What `bootwright status` prints, and its exit status.
struct StatusView {
    ExitStatus verdict = exit_not_running;
    bool is_final = false;             ///< `--wait` need not wait for more
    std::vector<std::string> lines{};  ///< for people; print each with print_line(), since it may quote anything
};

/// Makes it from the status itself. `now` is the time; `alive` tells whether a process of the status still runs.
StatusView view_status(const Json& status, const Instant& now, const std::function<bool(ProcessId)>& alive);

/// For people.
void print_view(const StatusView& view);

}  // namespace bootwright
