#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/past/chosen_run.hpp"
#include "agent/commands/past/ignored.hpp"
#include "agent/commands/past/package_section.hpp"
#include "agent/record/catalog_difference.hpp"
#include "agent/record/past.hpp"
#include "agent/record/past_contents.hpp"
#include "common/base/text.hpp"
#include "common/documents/text_difference.hpp"

#include <algorithm>

namespace bootwright {

namespace {

/// What lies between two runs.
struct Difference {
    Json from;  ///< the lines of the two runs
    Json to;
    std::vector<ValueChange> role_config{};
    std::vector<ValueChange> facts{};
    std::optional<std::vector<PackageChange>> packages{};
    std::vector<ResourceChange> resources{};
    std::size_t ignored = 0;             ///< resources, and parameters of others
    std::vector<std::string> unknown{};  ///< what cannot be compared, and why
};

/// The two documents of one kind. Says in `difference` if one is not there.
std::optional<std::pair<Json, Json>> both(const System& system, Difference& difference, const char* what) {
    const std::string before = string_at(member_at(difference.from, "kept"), what);
    const std::string after = string_at(member_at(difference.to, "kept"), what);
    if (before == after && !before.empty()) {
        return std::nullopt;  // the same
    }
    const auto read = [&](const Json& line, const std::string& name) {
        auto document = read_kept(system, name);
        if (!document) {
            difference.unknown.push_back(std::string(what) + " of run " + shown(member_at(line, "run"), "null") +
                                         (name.empty() ? ": there was none" : ": not kept any more"));
        }
        return document;
    };
    auto old_document = read(difference.from, before);
    auto new_document = read(difference.to, after);
    return old_document && new_document ? std::optional(std::pair(std::move(*old_document), std::move(*new_document)))
                                        : std::nullopt;
}

Difference compare(const System& system, Json from, Json to) {
    Difference difference{std::move(from), std::move(to)};
    if (const auto configs = both(system, difference, "role_config")) {
        difference.role_config =
            value_changes(member_at(configs->first, "config"), member_at(configs->second, "config"));
    }
    if (const auto facts = both(system, difference, "facts")) {
        difference.facts = value_changes(facts->first, facts->second);
    }
    difference.packages = compare_packages(system, difference.from, difference.to, difference.unknown);
    if (const auto catalogs = both(system, difference, "catalog")) {
        difference.resources = catalog_changes(catalogs->first, catalogs->second);
    }
    return difference;
}

const char* word_of(ResourceChange::Kind kind) {
    switch (kind) {
        case ResourceChange::Kind::added: return "added";
        case ResourceChange::Kind::removed: return "removed";
        case ResourceChange::Kind::changed: return "changed";
    }
    return "";
}

Piece sign_of(ResourceChange::Kind kind) {
    switch (kind) {
        case ResourceChange::Kind::added: return {"+", Tone::good};
        case ResourceChange::Kind::removed: return {"-", Tone::bad};
        case ResourceChange::Kind::changed: break;
    }
    return {"~", Tone::doubtful};
}

/// A line of a text diff.
Tone tone_of(const std::string& line) {
    return line.starts_with('+') ? Tone::good : line.starts_with('-') ? Tone::bad : Tone::plain;
}

Json to_json(const std::vector<ValueChange>& changes) {
    Json list = Json::array();
    for (const ValueChange& change : changes) {
        list.push_back({{"name", change.name}, {"before", change.before}, {"after", change.after}});
    }
    return list;
}

Json to_json(const Difference& difference) {
    Json resources = Json::array();
    for (const ResourceChange& change : difference.resources) {
        resources.push_back({{"resource", change.resource},
                             {"change", word_of(change.kind)},
                             {"file", text_or_null(change.file)},
                             {"line", change.line == 0 ? Json() : Json(change.line)},
                             {"parameters", to_json(change.parameters)}});
    }
    return {{"from", difference.from},
            {"to", difference.to},
            {"role_config", to_json(difference.role_config)},
            {"facts", to_json(difference.facts)},
            {"packages", difference.packages ? to_json(*difference.packages) : Json()},
            {"resources", std::move(resources)},
            {"ignored", difference.ignored},
            {"unknown", difference.unknown}};
}

/// Text of several lines as a text diff, everything else as "before -> after".
void print_change(const ValueChange& change, const std::string& indent) {
    const auto is_long = [](const Json& value) {
        return value.is_string() && value.get_ref<const std::string&>().find('\n') != std::string::npos;
    };
    if (is_long(change.before) || is_long(change.after)) {
        print_line(indent + change.name + ":");
        for (const std::string& line : line_difference(shown(change.before, ""), shown(change.after, ""))) {
            print_line(Line{{{indent + "  "}, {line, tone_of(line)}}});
        }
    } else if (change.before.is_null()) {
        print_line(indent + change.name + ": " + shown(change.after, "null"));
    } else if (change.after.is_null()) {
        print_line(indent + change.name + ": was " + shown(change.before));
    } else {
        print_line(indent + change.name + ": " + shown(change.before) + " -> " + shown(change.after));
    }
}

void print_changes(const std::vector<ValueChange>& changes, const char* title) {
    if (!changes.empty()) {
        print_line(title);
    }
    for (const ValueChange& change : changes) {
        print_change(change, "  ");
    }
}

void print_head(const Difference& difference) {
    const auto run = [](const Json& line) {
        return "run " + shown(member_at(line, "run"), "null") + " (" + string_at(line, "ended") + ")";
    };
    print_line("from " + run(difference.from) + " to " + run(difference.to));
    for (const char* what : {"instance", "role", "revision", "configuration", "repositories", "puppet_version",
                             "agent_version", "outcome"}) {
        const Json& before = member_at(difference.from, what);
        const Json& after = member_at(difference.to, what);
        if (before != after) {
            print_line(std::string("  ") + what + ": " + shown(before, "null") + " -> " + shown(after, "null"));
        }
    }
    for (const std::string& unknown : difference.unknown) {
        print_line("  not compared: " + unknown);
    }
}

std::size_t count(const Difference& difference, ResourceChange::Kind kind) {
    return static_cast<std::size_t>(std::count_if(difference.resources.begin(), difference.resources.end(),
                                                  [&](const ResourceChange& change) { return change.kind == kind; }));
}

void print_resource(const ResourceChange& change) {
    const std::string place = change.file.empty() ? "" : " (" + change.file + ":" + std::to_string(change.line) + ")";
    print_line(Line{{sign_of(change.kind), {" " + change.resource, Tone::strong}, {place}}});
    if (change.kind == ResourceChange::Kind::removed) {
        return;
    }
    for (const ValueChange& parameter : change.parameters) {
        print_change(parameter, "    ");
    }
}

void print(const Difference& difference, bool is_short) {
    using Kind = ResourceChange::Kind;
    print_head(difference);
    print_changes(difference.role_config, "role config:");
    print_changes(difference.facts, "facts:");
    if (difference.packages) {
        print_packages(*difference.packages, is_short);
    }
    print_line("resources: " + std::to_string(count(difference, Kind::added)) + " added, " +
               std::to_string(count(difference, Kind::changed)) + " changed, " +
               std::to_string(count(difference, Kind::removed)) + " removed" +
               (difference.ignored == 0 ? "" : "; " + std::to_string(difference.ignored) + " ignored"));
    if (!is_short) {
        std::for_each(difference.resources.begin(), difference.resources.end(), print_resource);
    }
}

int run(const System& system, const CommandArguments& given) {
    const Past past(system);
    const Json from = chosen_run(system, past, given.value("A"), "A");
    const Json to = given.has("B") ? chosen_run(system, past, given.value("B"), "B") : past.last().value_or(from);
    Difference difference = compare(system, from, to);
    difference.ignored = ignore(difference.resources, given.words("--ignore"));
    if (given.has("--json")) {
        print_json(to_json(difference));
    } else {
        print(difference, given.has("--stat"));
    }
    return exit_ok;
}

const Command command{.name = "diff",
                      .help = "Say what has changed from one run to another: role config, facts, packages, resources",
                      .options = {{.kind = CommandOption::Kind::argument,
                                   .name = "A",
                                   .help = "A run (42), last_good, or a time: 2026-03-03, 2026-03-03T12:00 (UTC), 7d",
                                   .is_required = true,
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
                                  {CommandOption::Kind::flag, "--stat", "Only how many packages and resources"},
                                  {CommandOption::Kind::flag, "--json", "Print JSON"}},
                      .examples = {{"bootwright diff last_good", "What is different since it last worked"},
                                   {"bootwright diff 41 42", "What has changed from one run to another"},
                                   {"bootwright diff 7d --ignore 'File[*].content' --ignore 'Exec[*]'",
                                    "The same without what changes each time"},
                                   {"bootwright diff 7d --stat", "How many resources have changed in a week"}},
                      .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
