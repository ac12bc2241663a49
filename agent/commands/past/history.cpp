#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/past/chosen_run.hpp"
#include "agent/record/past.hpp"
#include "agent/record/past_contents.hpp"
#include "agent/record/past_packages.hpp"
#include "common/base/clock.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace bootwright {

namespace {

std::string took(const Json& line) {
    const Json& seconds = member_at(line, "duration_s");
    return seconds.is_number() ? to_human(duration_of(seconds)) : "-";
}

Tone tone_of(const Json& line) { return member_at(line, "good") == Json(true) ? Tone::good : Tone::bad; }

bool is_of_later(const Json& line) { return number_at(line, "schema") > history_schema; }

void warn_of_later(std::uint64_t lines) {
    if (lines > 0) {
        print_line(Line{{{counted(lines, "run") + " above", Tone::doubtful},
                         {": a later version of bootwright has recorded this, and may mean something else by it. Ask "
                          "that version"}}});
    }
}

/// One run in a line, its error in another.
void print_row(const Json& line) {
    const Json& error = member_at(line, "error");
    print_line(Line{{{cell(shown(member_at(line, "run")), 4) + cell(minute(member_at(line, "began")), 16) +
                      cell(shown(member_at(member_at(line, "cause"), "why")), 9) +
                      cell(shown(member_at(line, "revision")).substr(0, 12), 12)},
                     {cell(shown(member_at(line, "outcome")), 21), tone_of(line)},
                     {took(line)}}});
    if (error.is_object()) {
        constexpr std::size_t left = 6;
        print_line(Line{
            {{std::string(left, ' ') + shown(member_at(error, "code")) + ": " + shown(member_at(error, "message"))}},
            left});
    }
}

void print_field(const std::string& label, const std::string& text) {
    constexpr std::size_t left = 14;
    print_line(Line{{{"  " + cell(label, left - 4) + text}}, left});
}

/// "a.b = value", for each value.
// NOLINTNEXTLINE(misc-no-recursion): it goes no deeper than parse_json() lets through
void print_values(const Json& json, const std::string& path) {
    if (!json.is_object() || json.empty()) {
        print_line("    " + path + " = " + shown(json));
        return;
    }
    for (const auto& [key, value] : json.items()) {
        print_values(value, path.empty() ? key : path + "." + key);
    }
}

void print_kept(const std::string& label, const Json& document) {
    print_line("  " + label + (document.is_null() ? ": not kept any more" : ""));
    if (document.is_object()) {
        print_values(document, "");
    }
}

/// The line of a run, with what it went by in place of its names in the past.
Json whole(const System& system, Json line) {
    const Json kept = member_at(line, "kept");
    for (const char* what : {"role_config", "facts"}) {
        const auto document = read_kept(system, string_at(kept, what));
        line["kept"][what] = document ? *document : Json();
    }
    line["hooks"] = member_at(kept_report(system, line), "hooks");
    const auto packages = read_packages(system, {{"kept", kept}});
    line["kept"]["packages"] = packages ? Json(*packages) : Json();
    line["kept"].erase("package_changes");
    return line;
}

/// Agent and Puppet with what they are made of: by their names in Debian, Ubuntu, and the repositories of Puppet and OpenVox.
bool is_of_the_agent(std::string_view package) {
    constexpr std::array<std::string_view, 8> names{"bootwright", "facter", "hiera",        "openfact",
                                                    "openvox",    "puppet", "puppet-agent", "openvox-agent"};
    constexpr std::string_view ruby = "ruby";  // "ruby3.1"; "ruby" is empty
    return std::find(names.begin(), names.end(), package) != names.end() ||
           (package.starts_with(ruby) && package != ruby &&
            package.find_first_not_of("0123456789.", ruby.size()) == std::string::npos);
}

/// How many there were, and the versions of those that most questions are about.
std::string packages_in_short(const Json& line) {
    const Json& said = member_at(line, "packages");
    if (said.is_null()) {
        return "not known";
    }
    const std::string all = shown(member_at(said, "count"));
    const Json& packages = member_at(member_at(line, "kept"), "packages");
    if (packages.is_null()) {
        return all + ", not kept any more";
    }
    std::vector<std::string> named;
    for (const auto& [name, version] : packages.items()) {
        if (is_of_the_agent(name)) {
            named.push_back(name + " " + shown(version));
        }
    }
    return all + " (--packages lists them)" + (named.empty() ? "" : ": " + joined(named, ", "));
}

void print_whole(const Json& line) {
    const Json& cause = member_at(line, "cause");
    const Json& by = member_at(cause, "by");
    const Json& resources = member_at(line, "resources");
    const Json& error = member_at(line, "error");
    print_line(Line{{{"run " + shown(member_at(line, "run")) + ": " + shown(member_at(line, "outcome")) + ", "},
                     {member_at(line, "good") == Json(true) ? "good" : "BAD", tone_of(line)}}});
    print_field("began", shown(member_at(line, "began")) + ", took " + took(line));
    print_field("because", shown(member_at(cause, "why")) + (by.is_null() ? "" : ", by " + shown(by)));
    if (member_at(line, "noop") == Json(true)) {
        print_field("noop", "nothing was changed");
    }
    if (const Json& locks = member_at(line, "past_locks"); !locks.empty()) {
        print_field("went past", shown(locks));
    }
    print_field("instance", shown(member_at(line, "instance")));
    print_field("role", shown(member_at(line, "role")));
    print_field("asked for", shown(member_at(line, "asked")));
    print_field("revision", shown(member_at(line, "revision")));
    if (!member_at(line, "configuration").is_null()) {
        print_field("config at", shown(member_at(line, "configuration")));
    }
    for (const auto& [name, repository] : member_at(line, "repositories").items()) {
        print_field(name + " at", shown(member_at(repository, "resolved")));
    }
    if (resources.is_object()) {
        print_field("resources", shown(member_at(resources, "total")) + ", " + shown(member_at(resources, "changed")) +
                                     " changed, " + shown(member_at(resources, "failed")) + " failed");
    }
    if (error.is_object()) {
        print_field("error", shown(member_at(error, "code")) + ": " + shown(member_at(error, "message")));
    }
    for (const Json& hook : member_at(line, "hooks")) {
        const Json& seconds = member_at(hook, "took_s");
        print_field("hook", shown(member_at(hook, "hook")) +
                                (seconds.is_null()
                                     ? ": was cut off"
                                     : ", " + to_human(duration_of(seconds)) + ": " + shown(member_at(hook, "said"))));
    }
    print_field("catalog", shown(member_at(line, "catalog_digest")));
    print_field("puppet", shown(member_at(line, "puppet_version")));
    print_field("agent", shown(member_at(line, "agent_version")));
    print_field("packages", packages_in_short(line));
    const Json& kept = member_at(line, "kept");
    print_kept("role config " + shown(member_at(line, "role_config")),
               member_at(member_at(kept, "role_config"), "config"));
    print_kept("facts", member_at(kept, "facts"));
}

int show(const System& system, const Json& chosen, const CommandArguments& given) {
    const Json line = whole(system, chosen);
    if (given.has("--json")) {
        print_json(line);
        return exit_ok;
    }
    print_whole(line);
    if (const Json& packages = member_at(member_at(line, "kept"), "packages");
        given.has("--packages") && !packages.is_null()) {
        print_kept("packages", packages);
    }
    warn_of_later(is_of_later(line) ? 1 : 0);
    return exit_ok;
}

int list(const System& system, const CommandArguments& given) {
    const Past past(system);
    const std::size_t first = given.has("--since") ? past.since(time_of(system, given.value("--since"), "--since")) : 0;
    const bool is_all = given.has("--since") || given.has("--all");
    auto rows = static_cast<std::size_t>(whole_number(given.value("--last", "30"), "--last"));
    rows = is_all && !given.has("--last") ? past.size() : rows;
    std::vector<std::size_t> chosen;
    for (std::size_t i = past.size(); i > first && chosen.size() < rows; --i) {
        if (!given.has("--failed") || past.is_bad(i - 1)) {
            chosen.push_back(i - 1);
        }
    }
    std::reverse(chosen.begin(), chosen.end());
    if (given.has("--json")) {
        Json lines = Json::array();
        for (const std::size_t i : chosen) {
            lines.push_back(past.line(i));
        }
        print_json(lines);
        return exit_ok;
    }
    std::uint64_t of_later = 0;
    for (const std::size_t i : chosen) {
        const Json line = past.line(i);
        print_row(line);
        if (is_of_later(line)) {
            ++of_later;
        }
    }
    warn_of_later(of_later);
    if (chosen.empty()) {
        print_line("no such run");
    }
    return exit_ok;
}

int run(const System& system, const CommandArguments& given) {
    for (const char* option : {"--at", "--run"}) {
        if (given.has(option)) {
            return show(system, chosen_run(system, Past(system), given.value(option), option), given);
        }
    }
    if (given.has("--packages")) {
        throw UsageError{"--packages: of which run? Give --at TIME or --run RUN"};
    }
    return list(system, given);
}

const Command command{
    .name = "history",
    .help = "Say which runs there were, and what the machine was at a time",
    .options = {{CommandOption::Kind::flag, "--json", "Print JSON, with all that is kept"},
                {CommandOption::Kind::flag, "--failed", "Only runs that were not good"},
                {CommandOption::Kind::flag, "--all", "All runs, not the last 30"},
                {.kind = CommandOption::Kind::option, .name = "--last", .help = "So many runs", .value = "NUMBER"},
                {.kind = CommandOption::Kind::option,
                 .name = "--since",
                 .help = "Runs since then: 2026-03-03, 2026-03-03T12:00 (UTC), or 7d ago",
                 .value = "TIME"},
                {.kind = CommandOption::Kind::option,
                 .name = "--at",
                 .help = "What the machine was then: 2026-03-03 (at its end), 2026-03-03T12:00, 7d",
                 .value = "TIME"},
                {.kind = CommandOption::Kind::option,
                 .name = "--run",
                 .help = "What the machine was after that run: 42, or last_good",
                 .value = "RUN"},
                {CommandOption::Kind::flag, "--packages", "With --at or --run: all packages, too"}},
    .examples = {{"bootwright history", "The last 30 runs"},
                 {"bootwright history --failed --since 7d", "What went wrong in the last week"},
                 {"bootwright history --at 2026-03-03T12:00", "What the machine was at noon of 3 March, UTC"},
                 {"bootwright history --run 42 --packages", "What it was after run 42, with all packages"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
