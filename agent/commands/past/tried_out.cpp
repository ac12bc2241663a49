#include "agent/commands/past/tried_out.hpp"

#include "agent/commands/caller.hpp"
#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/runs/watch.hpp"
#include "agent/record/past.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run_worker.hpp"
#include "common/base/error.hpp"
#include "common/processes/signals.hpp"

#include <unistd.h>

#include <csignal>
#include <iostream>

namespace bootwright {

Json tried_out(const System& system, const std::string& revision) {
    if (revision.empty()) {
        throw UsageError{"--next: expected a commit, or a branch or tag if the image allows them"};
    }
    const RunOrder order{.cause = RunCause::asked_for, .by = caller(system), .noop = true, .revision = revision};
    Signals signals({SIGTERM, SIGINT, SIGHUP});
    LiveLine progress(std::cerr, STDERR_FILENO);  // what is printed is the difference
    RunWorker worker(system, order);
    const RunReport report =
        watch(system, worker, signals, [&](const RunReport& so_far) { progress.show(one_line(so_far)); });
    progress.clear();
    const auto line = Past(system).run(report.number);
    const bool has_catalog = line && !string_at(member_at(*line, "kept"), "catalog").empty();
    if (report.error && !has_catalog) {
        throw Error(*report.error);
    }
    if (!line) {
        throw permanent_error("history.no_such_run",
                              "run " + std::to_string(report.number) + " is over, and not in the history",
                              "look at `journalctl -u bootwright` and `df -h`; then try again");
    }
    return *line;
}

}  // namespace bootwright
