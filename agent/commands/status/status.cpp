#include "agent/commands/status/status.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/clock.hpp"
#include "common/documents/duration.hpp"
#include "common/processes/process_tree.hpp"

#include <optional>
#include <string>

namespace bootwright {

namespace {

using std::chrono::milliseconds;

std::optional<milliseconds> limit_of(const CommandArguments& given) {
    const std::string text = given.value("--timeout");
    const auto limit = parse_duration(text);
    if (!text.empty() && !limit) {
        throw UsageError{"--timeout: expected a duration such as 90s, 10m or 1h"};
    }
    return limit;
}

/// Shows a status that changes: on a live terminal anew each time, elsewhere in a line for each stage and attempt.
class Follower {
public:
    void show(const StatusView& view, const Json& run) {
        if (is_live_terminal()) {
            rows_.show(view.lines);
            return;
        }
        Json point{member_at(run, "number"), member_at(run, "state"), member_at(run, "stage"),
                   member_at(run, "attempt")};
        if (point != last_) {
            print_line(view.one_line);
            last_ = std::move(point);
        }
    }
    void clear() { rows_.clear(); }

private:
    LiveRows rows_{};
    Json last_{};
};

void print(const StatusView& view, const Json& status, const CommandArguments& given) {
    if (given.has("--json")) {
        print_json(status);
    } else if (given.has("--oneline")) {
        print_line(view.one_line);
    } else {
        print_view(view);
    }
}

int run(const System& system, const CommandArguments& given) {
    constexpr milliseconds poll_interval{250};
    const auto limit = limit_of(given);
    const StatusFile file(system);
    Follower follower;
    const auto start = system.clock.now().since_boot;
    while (true) {
        const Json status = file.read();
        const Instant now = system.clock.now();
        const StatusView view = view_status(status, now, is_running);
        const bool timed_out = limit && now.since_boot - start >= *limit;
        const bool goes_on = (given.has("--wait") && !view.is_final) || (given.has("--follow") && view.is_running);
        if (!goes_on || timed_out) {
            follower.clear();
            print(view, status, given);
            return timed_out && !view.is_final && view.verdict != exit_not_running ? exit_not_yet : view.verdict;
        }
        if (given.has("--follow") && !given.has("--json")) {
            follower.show(view, member_at(status, "run"));
        }
        system.clock.sleep(poll_interval, {});
    }
}

const Command command{
    .name = "status",
    .help = "Say what is configured, what is wrong, and what happens next",
    .options = {{CommandOption::Kind::flag, "--json", "Print status.json"},
                {.kind = CommandOption::Kind::flag, .name = "--oneline", .help = "Print one line"},
                {.kind = CommandOption::Kind::flag,
                 .name = "--follow",
                 .help = "Show the run that is under way until it ends"},
                {CommandOption::Kind::flag, "--wait",
                 "Wait until the instance is configured, or cannot be without help"},
                {.kind = CommandOption::Kind::option,
                 .name = "--timeout",
                 .help = "Wait no longer than this, such as 90s or 10m",
                 .needs = "--wait",
                 .value = "DURATION"}},
    .examples = {{"bootwright status", "How this machine is, and what happens next"},
                 {"bootwright status --follow", "Watch the run that is under way, to its end"},
                 {"bootwright status --wait --timeout 10m", "For scripts: 0 once the instance is configured"},
                 {"bootwright status --json", "For programs"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
