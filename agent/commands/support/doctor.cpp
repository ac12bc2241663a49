#include "agent/doctor/doctor.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "common/base/text.hpp"

#include <map>
#include <string>

namespace bootwright {

namespace {

using State = Finding::State;

/// "12 good, 1 bad, 2 not known"
std::string summary(std::map<State, int>& counts) {
    return std::to_string(counts[State::good]) + " good, " + std::to_string(counts[State::bad]) + " bad, " +
           std::to_string(counts[State::not_known]) + " not known";
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

void print(std::string_view examination, const Finding& finding) {
    constexpr std::size_t state_width = 11;
    constexpr std::size_t name_width = 13;
    const std::string state = finding.state == State::not_known ? "not known" : std::string(to_string(finding.state));
    print_line(padded(state, state_width) + padded(std::string(examination), name_width) + finding.what);
    if (!finding.advice.empty()) {
        print_line(std::string(state_width, ' ') + padded("  do:", name_width) + finding.advice);
    }
}

/// Says what is wrong with this machine, and what to do, as it is found.
int run(const System& system, const CommandArguments& given) {
    const bool is_json = given.has("--json");
    std::map<State, int> counts;
    Json findings = Json::array();
    examine(system, [&](std::string_view examination, const Finding& finding) {
        ++counts[finding.state];
        if (is_json) {
            findings.push_back(to_json(examination, finding));
        } else {
            print(examination, finding);
        }
    });
    if (is_json) {
        print_json({{"findings", findings},
                    {"good", counts[State::good]},
                    {"bad", counts[State::bad]},
                    {"not_known", counts[State::not_known]}});
    } else {
        print_line(summary(counts));
    }
    return counts[State::bad] == 0 ? exit_ok : exit_failed;
}

const Command command{
    .name = "doctor",
    .help = "Examine this machine: what is good, what is bad, and what to do",
    .options = {{.kind = CommandOption::Kind::flag, .name = "--json", .help = "Print a JSON document"}},
    .examples = {{"bootwright doctor", "As root, where anything is wrong and nobody knows what"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
