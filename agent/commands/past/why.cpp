#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/past/chosen_run.hpp"
#include "agent/record/catalog_difference.hpp"
#include "agent/record/past.hpp"
#include "agent/record/past_contents.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <iterator>
#include <map>

namespace bootwright {

namespace {

/// The resource of that name; null if the catalog has none.
const Json& resource_in(const Json& catalog, const std::string& name) {
    static const Json none;
    for (const Json& resource : member_at(catalog, "resources")) {
        if (name_of_resource(resource) == name) {
            return resource;
        }
    }
    return none;
}

/// What contains it, from the inside out: {"Class[Profile::Base]", "Class[Role::Web]", "Stage[main]"}.
std::vector<std::string> containers_of(const Json& catalog, const std::string& name) {
    constexpr std::size_t deepest = 50;
    std::map<std::string, std::string> above;
    for (const Json& edge : member_at(catalog, "edges")) {
        if (edge.is_array() && edge.size() == 2 && edge[0].is_string() && edge[1].is_string()) {
            above.emplace(edge[1].get<std::string>(), edge[0].get<std::string>());
        }
    }
    std::vector<std::string> containers;
    for (auto at = above.find(name); at != above.end() && containers.size() < deepest; at = above.find(at->second)) {
        containers.push_back(at->second);
    }
    return containers;
}

std::string text_of(const Json& value) { return shown(value, "null"); }

/// "require: Package[nginx]", for each relation that its manifest states.
std::vector<std::string> relations_of(const Json& resource) {
    std::vector<std::string> relations;
    const Json& parameters = member_at(resource, "parameters");
    for (const char* relation : {"require", "subscribe", "before", "notify"}) {
        const Json& value = member_at(parameters, relation);
        if (value.is_string()) {
            relations.push_back(std::string(relation) + ": " + text_of(value));
        } else if (value.is_array()) {
            std::vector<std::string> names;
            std::transform(value.begin(), value.end(), std::back_inserter(names), text_of);
            relations.push_back(std::string(relation) + ": " + joined(names, ", "));
        }
    }
    return relations;
}

/// A resource through the kept catalogs.
struct Course {
    Json since;               ///< the line of the first run from which on it has been as it is
    std::size_t changes = 0;  ///< how often it became another one, or came or went
    std::size_t runs = 0;     ///< whose catalogs are kept
};

Course course_of(const System& system, const Past& past, const std::string& name) {
    Course course;
    std::map<std::string, Json> parameters;  // by the catalog's name: most runs have one that others had, too
    std::optional<Json> last;
    for (std::size_t i = past.size(); i > 0; --i) {
        const Json line = past.line(i - 1);
        const std::string catalog = string_at(member_at(line, "kept"), "catalog");
        if (!parameters.contains(catalog)) {
            const auto document = read_kept(system, catalog);
            if (!document) {
                continue;
            }
            parameters[catalog] = member_at(resource_in(*document, name), "parameters");
        }
        ++course.runs;
        const Json& now = parameters[catalog];
        if (last && *last != now) {
            ++course.changes;
        }
        if (course.changes == 0) {
            course.since = line;
        }
        last = now;
    }
    return course;
}

[[noreturn]] void refuse(const Json& catalog, const std::string& name) {
    std::vector<std::string> names;
    for (const Json& resource : member_at(catalog, "resources")) {
        names.push_back(name_of_resource(resource));
    }
    const auto meant = nearest(name, names);
    throw permanent_error(
        "why.no_such_resource", "the catalog has no " + name,
        meant ? "did you mean " + *meant + "?" : "name it as Puppet does: Type[title], such as File[/etc/motd]");
}

Json explanation(const System& system, const Past& past, const Json& line, const std::string& name) {
    const auto catalog = read_kept(system, string_at(member_at(line, "kept"), "catalog"));
    if (!catalog) {
        throw permanent_error("why.no_catalog",
                              "the catalog of run " + text_of(member_at(line, "run")) + " is not kept",
                              "choose another run with --run; `bootwright history` lists them");
    }
    const Json& resource = resource_in(*catalog, name);
    if (resource.is_null()) {
        refuse(*catalog, name);
    }
    const Course course = course_of(system, past, name);
    return {{"resource", name},
            {"run", member_at(line, "run")},
            {"revision", member_at(line, "revision")},
            {"file", text_or_null(file_of_resource(resource))},
            {"line", member_at(resource, "line")},
            {"contained_in", containers_of(*catalog, name)},
            {"relations", relations_of(resource)},
            {"since", {{"run", member_at(course.since, "run")}, {"ended", member_at(course.since, "ended")}}},
            {"changes", course.changes},
            {"runs", course.runs}};
}

void print(const Json& found) {
    const auto field = [](const std::string& label, const std::string& text) {
        print_line("  " + label + std::string(12 - label.size(), ' ') + text);
    };
    print_line(
        Line{{{text_of(found.at("resource")), Tone::strong}, {", in the catalog of run " + text_of(found.at("run"))}}});
    field("declared",
          found.at("file").is_null() ? "not known where" : text_of(found.at("file")) + ":" + text_of(found.at("line")));
    for (const Json& container : found.at("contained_in")) {
        field("within", text_of(container));
    }
    for (const Json& relation : found.at("relations")) {
        field("relation", text_of(relation));
    }
    field("since", "run " + text_of(found.at("since").at("run")) + ", " + text_of(found.at("since").at("ended")));
    field("changed", counted(found.at("changes").get<std::uint64_t>(), "time") + " in the " +
                         counted(found.at("runs").get<std::uint64_t>(), "run") + " whose catalogs are kept");
}

int run(const System& system, const CommandArguments& given) {
    const Past past(system);
    const Json line = chosen_run(system, past, given.value("--run", "0s"), "--run");
    const Json found = explanation(system, past, line, given.value("RESOURCE"));
    given.has("--json") ? print_json(found) : print(found);
    return exit_ok;
}

const Command command{
    .name = "why",
    .help = "Say what brought a resource into the catalog, and since when it is so",
    .options = {{CommandOption::Kind::argument, "RESOURCE", "As Puppet names it: File[/etc/motd]", true},
                {.kind = CommandOption::Kind::option,
                 .name = "--run",
                 .help = "In the catalog of that run (42, last_good, or a time), not of the last one",
                 .value = "RUN"},
                {CommandOption::Kind::flag, "--json", "Print JSON"}},
    .examples = {{"bootwright why 'File[/etc/motd]'", "Who manages this file, and since when it is so"},
                 {"bootwright why 'Package[nginx]' --run last_good", "The same when it last worked"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
