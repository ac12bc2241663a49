#pragma once

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "common/base/clock.hpp"
#include "common/documents/json.hpp"
#include "common/processes/process.hpp"

#include <functional>
#include <vector>

namespace bootwright {

/// What `bootwright status` prints, and its exit status.
struct StatusView {
    ExitStatus verdict = exit_not_running;
    bool is_final = false;      ///< `--wait` need not wait for more
    bool is_running = false;    ///< a run is under way
    std::vector<Line> lines{};  ///< for people
    Line one_line{};            ///< the same in one
};

/// Makes it from the status itself. `now` is the time; `alive` tells whether a process of the status still runs.
StatusView view_status(const Json& status, const Instant& now, const std::function<bool(ProcessId)>& alive);

/// For people.
void print_view(const StatusView& view);

}  // namespace bootwright
