#include "agent/commands/caller.hpp"
#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/status.hpp"
#include "agent/record/reboots.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run_worker.hpp"
#include "common/base/error.hpp"
#include "common/processes/process_tree.hpp"
#include "common/processes/signals.hpp"

#include <unistd.h>

#include <csignal>
#include <iostream>

namespace bootwright {

namespace {

/// Shows how far the run is; if the output is no terminal, prints a line for each new stage.
class Progress {
public:
    void show(const RunReport& report) {
        line_.show(one_line(report));
        if (!line_.is_terminal() && report.stage != stage_) {
            print_line(to_string(report.stage));
        }
        stage_ = report.stage;
    }
    void clear() { line_.clear(); }

private:
    LiveLine line_{std::cout, STDOUT_FILENO};
    std::optional<Stage> stage_{};
};

int run(const System& system, const CommandArguments& given) {
    Signals signals({SIGTERM, SIGINT, SIGHUP});
    try {
        forget_reboots(system);
    } catch (const Error& error) {
        tell_what_blocks(system, error);
        throw;
    }
    RunWorker worker(system,
                     {.cause = RunCause::asked_for, .by = caller(system), .goes_past_locks = given.has("--force")});
    Progress progress;
    auto next_beat = system.clock.now().since_boot + heartbeat_interval;
    bool ended = false;
    while (!ended) {
        constexpr std::chrono::milliseconds refresh{200};
        signals.wait(refresh, worker.ended_fd());
        // A lost terminal or session is no reason to leave a machine half configured.
        if (const int signal = signals.take(); signal == SIGTERM || signal == SIGINT) {
            worker.request_stop();
        }
        const RunReport report = worker.record().snapshot();
        ended = worker.has_ended();
        if (!ended) {
            progress.show(report);
        }
        if (system.clock.now().since_boot >= next_beat) {
            worker.record().beat();
            next_beat += heartbeat_interval;
        }
    }
    const RunReport report = worker.join();
    progress.clear();
    print_view(view_status(StatusFile(system).read(), system.clock.now(), is_running));
    return report.is_good() ? exit_ok : exit_failed;
}

const Command command{.name = "run",
                      .help = "Configure now, in the foreground",
                      .options = {{CommandOption::Kind::flag, "--force", "Go past locks, this once"}},
                      .examples = {{"bootwright run", "Try now, also what was given up, and see how it goes"}},
                      .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
