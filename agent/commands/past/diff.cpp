#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/past/chosen_run.hpp"
#include "agent/commands/past/difference.hpp"
#include "agent/commands/past/ignored.hpp"
#include "agent/commands/past/tried_out.hpp"
#include "agent/record/past.hpp"

#include <utility>

namespace bootwright {

namespace {

/// The lines of the two runs that a command line means.
std::pair<Json, Json> chosen_runs(const System& system, const CommandArguments& given) {
    if (given.has("--next") && given.has("B")) {
        throw UsageError{"--next: stands in place of B"};
    }
    if (!given.has("A") && !given.has("--next")) {
        throw UsageError{"A: expected a run, a time, a revision or last_good"};
    }
    const Past past(system);
    const auto last = past.last();
    const Json from =
        given.has("A") || !last ? chosen_run_or_revision(system, past, given.value("A", "0s"), "A") : *last;
    if (given.has("--next")) {
        return {from, tried_out(system, given.value("--next"))};
    }
    return {from, given.has("B") ? chosen_run_or_revision(system, past, given.value("B"), "B") : last.value_or(from)};
}

int run(const System& system, const CommandArguments& given) {
    auto [from, to] = chosen_runs(system, given);
    const bool asks = given.has("--deepen") || given.has("--next");
    Difference difference = compare(system, std::move(from), std::move(to), asks);
    difference.ignored = ignore(difference.resources, given.words("--ignore"));
    if (given.has("--json")) {
        print_json(to_json(difference));
    } else {
        print(difference, given.has("--stat"));
    }
    return given.has("--exit-code") && !has_same_resources(difference) ? exit_would_change : exit_ok;
}

const Command command{
    .name = "diff",
    .help = "Say what has changed from one run to another: commits, files, role config, facts, packages, resources",
    .options = {{.kind = CommandOption::Kind::argument,
                 .name = "A",
                 .help = "A run (42), last_good, a time: 2026-03-03, 2026-03-03T12:00 (UTC), 7d; or "
                         "a revision (3f7a1c9, main), which means its last run",
                 .value = "RUN"},
                {.kind = CommandOption::Kind::argument,
                 .name = "B",
                 .help = "The same; without it the last run",
                 .value = "RUN"},
                {.kind = CommandOption::Kind::options,
                 .name = "--ignore",
                 .help = "Leave out TYPE[TITLE] or TYPE[TITLE].PARAMETER, in which * stands for "
                         "any characters; may be given again",
                 .value = "RESOURCE"},
                {.kind = CommandOption::Kind::option,
                 .name = "--next",
                 .help = "In place of B: what would change if this machine went to that revision; "
                         "changes nothing. Without A, from the last run",
                 .value = "REVISION"},
                {CommandOption::Kind::flag, "--deepen",
                 "Ask the repository for the commits between the two, if they are not here"},
                {CommandOption::Kind::flag, "--stat", "Only how many commits, files, packages and resources"},
                {CommandOption::Kind::flag, "--exit-code", "End with 6 if the catalogs differ"},
                {CommandOption::Kind::flag, "--json", "Print JSON"}},
    .examples = {{"bootwright diff last_good", "What is different since it last worked"},
                 {"bootwright diff 41 42", "What has changed from one run to another"},
                 {"bootwright diff --next 3f786850e387550fdab836ed7e6dc881de23001b",
                  "What would change if this machine went to that revision"},
                 {"bootwright diff 89e6c98 3f78685 --deepen", "What lies between two revisions, with commits"},
                 {"bootwright diff 7d --ignore 'File[*].content' --ignore 'Exec[*]'",
                  "The same without what changes each time"},
                 {"bootwright diff 7d --stat", "How many resources have changed in a week"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
