#include "agent/timeline/timeline.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/past/chosen_run.hpp"
#include "agent/record/past.hpp"
#include "agent/timeline/boot.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

Json report_of(const System& system, const std::string& asked) {
    const Past past(system);
    const Json line = chosen_run(system, past, asked, "RUN");
    Json report = kept_report(system, line);
    if (report.is_null()) {
        throw permanent_error("timeline.no_report",
                              "the report of run " + shown(member_at(line, "run")) + " is not kept",
                              "choose a later run; history.keep of agent.json says how many are kept whole");
    }
    return report;
}

int run(const System& system, const CommandArguments& given) {
    const Json report = report_of(system, given.value("RUN", "0s"));
    const Timeline timeline = timeline_of(report, boot_before(system, report));
    if (!given.has("--text")) {
        print_lines(trimmed(timeline_svg(timeline)));
        return exit_ok;
    }
    for (const std::string& line : timeline_lines(timeline)) {
        print_line(line);
    }
    if (!member_at(report, "steps").is_array()) {
        print_line("an older version of bootwright ran this, and recorded little of where the time went");
    }
    return exit_ok;
}

const Command command{
    .name = "timeline",
    .help = "Draw where the time of a run went, as SVG on standard output",
    .options = {{.kind = CommandOption::Kind::argument,
                 .name = "RUN",
                 .help = "42, last_good, or a time; the last run if none is given"},
                {.kind = CommandOption::Kind::flag, .name = "--text", .help = "A line for each piece instead"}},
    .examples = {{"bootwright timeline --text", "Where the time of the last run went"},
                 {"bootwright timeline 42", "A drawing of run 42 as SVG; redirect it into a file for a browser"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
