#include "agent/commands/caller.hpp"
#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/runs/under_way.hpp"
#include "agent/commands/runs/watch.hpp"
#include "agent/commands/status/status.hpp"
#include "agent/record/reboots.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run_worker.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/processes/process_tree.hpp"
#include "common/processes/signals.hpp"

#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>

namespace bootwright {

namespace {

constexpr std::chrono::milliseconds refresh{200};

/// Shows how far a run is; if the output is no terminal, prints a line for each new stage.
class Progress {
public:
    void show(const std::string& line, const std::string& stage) {
        line_.show(line);
        if (!line_.is_terminal() && stage != stage_) {
            print_line(stage);
        }
        stage_ = stage;
    }
    void clear() { line_.clear(); }

private:
    LiveLine line_{std::cout, STDOUT_FILENO};
    std::string stage_{};
};

RunOrder order_of(const System& system, const CommandArguments& given) {
    constexpr std::size_t largest_file = std::size_t{1} << 20U;
    RunOrder order{.cause = RunCause::asked_for,
                   .by = caller(system),
                   .goes_past_locks = given.has("--force"),
                   .noop = given.has("--noop"),
                   .revision = given.value("--revision")};
    if (given.has("--revision") && order.revision.empty()) {
        throw UsageError{"--revision: expected a commit, or a branch or tag if the image allows them"};
    }
    if (given.has("--role-config")) {
        const std::string path = given.value("--role-config");
        order.role_config = RunOrder::RoleConfigFile{path, read_file(path, largest_file)};
    }
    return order;
}

/// The run of another process, in a line.
std::string line_of(const Json& run) {
    const Json& progress = member_at(run, "progress");
    return "run " + shown(member_at(run, "number")) + ": " + shown(member_at(run, "stage")) +
           (progress.is_object() ? ": " + shown(member_at(progress, "what")) + " " +
                                       shown(member_at(progress, "done")) + " of " + shown(member_at(progress, "total"))
                                 : "");
}

/// Waits until no other process has a run under way. Returns the number of the one that it has followed; 0: there was none.
/// @throws Error stopped, when a signal says so: that run goes on
std::uint64_t follow(const System& system, Signals& signals, Progress& progress) {
    std::uint64_t number = 0;
    for (Json run = run_under_way(system); run.is_object(); run = run_under_way(system)) {
        number = number_at(run, "number");
        progress.show(line_of(run), string_at(run, "stage"));
        signals.wait(refresh, -1);
        if (const int signal = signals.take(); signal == SIGTERM || signal == SIGINT) {
            throw stopped_error();
        }
    }
    progress.clear();
    return number;
}

int tell_end(const System& system, const Json& status, bool is_good) {
    print_view(view_status(status, system.clock.now(), is_running));
    return is_good ? exit_ok : exit_failed;
}

/// What Puppet would do, each thing below its resource.
int tell_planned(const RunReport& report) {
    std::string resource;
    for (const PlannedChange& change : report.puppet.planned) {
        if (change.resource != resource) {
            print_line(change.resource +
                       (change.line == 0 ? "" : " (" + change.file + ":" + std::to_string(change.line) + ")"));
        }
        resource = change.resource;
        for (const std::string& line : split(change.text, '\n')) {
            print_line("    " + line);
        }
    }
    const std::string at = "role " + report.role + " at " + report.revision_resolved;
    if (!report.error) {
        print_line("nothing would change: " + at);
        return exit_ok;
    }
    if (report.puppet.outcome == Outcome::noop_drift) {
        print_line("this would change: " + at + " (noop: nothing was changed)");
        return exit_would_change;
    }
    print_line(one_line(report));
    print_line("do: " + report.error->advice);
    return exit_failed;
}

/// Begins the run. Returns nullptr if another one is under way, and the caller wants to wait for that.
std::unique_ptr<RunWorker> begin(const System& system, const RunOrder& order, bool waits) {
    try {
        if (!order.noop) {
            forget_reboots(system);
        }
    } catch (const Error& error) {
        tell_what_blocks(system, error);
        throw;
    }
    try {
        return std::make_unique<RunWorker>(system, order);
    } catch (const Error& error) {
        if (waits && error.code == "run.locked") {
            return nullptr;
        }
        throw;
    }
}

int run(const System& system, const CommandArguments& given) {
    const RunOrder order = order_of(system, given);
    Signals signals({SIGTERM, SIGINT, SIGHUP});
    Progress progress;
    auto worker = begin(system, order, given.has("--wait"));
    while (!worker) {
        const std::uint64_t followed = follow(system, signals, progress);
        const Json status = StatusFile(system).read();
        const Json& other = member_at(status, "run");
        const bool is_what_is_wanted = !order.goes_past_locks && !order.is_one_off() &&
                                       string_at(other, "state") == "finished" &&
                                       number_at(other, "number") == followed;
        if (is_what_is_wanted) {
            return tell_end(system, status, member_at(other, "error").is_null());
        }
        signals.wait(refresh, -1);  // one that is about to begin or to end, or a Puppet that was handed over
        worker = begin(system, order, true);
    }
    const RunReport report = watch(system, *worker, signals, [&](const RunReport& so_far) {
        progress.show(one_line(so_far), std::string(to_string(so_far.stage)));
    });
    progress.clear();
    worker.reset();
    return order.noop ? tell_planned(report) : tell_end(system, StatusFile(system).read(), report.is_good());
}

const Command command{
    .name = "run",
    .help = "Configure now, in the foreground",
    .options = {{.kind = CommandOption::Kind::flag, .name = "--noop", .help = "Change nothing: say what would change"},
                {.kind = CommandOption::Kind::option,
                 .name = "--revision",
                 .help = "A revision of the control repository, in place of the pin; this once",
                 .value = "REVISION"},
                {.kind = CommandOption::Kind::option,
                 .name = "--role-config",
                 .help = "A file, in place of the user-data; this once",
                 .value = "FILE"},
                {.kind = CommandOption::Kind::flag, .name = "--force", .help = "Go past locks, this once"},
                {.kind = CommandOption::Kind::flag,
                 .name = "--wait",
                 .help = "If a run is under way, follow that one"}},
    .examples = {{"bootwright run", "Try now, also what was given up, and see how it goes"},
                 {"bootwright run --noop", "What would change, with the diffs of files; changes nothing"},
                 {"bootwright run --noop --revision 3f786850e387550fdab836ed7e6dc881de23001b",
                  "The same, if the machine went to that revision"},
                 {"bootwright run --wait", "Follow the run of the daemon, or begin one"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
