#include "agent/commands/command.hpp"
#include "agent/commands/launch/catalog_check.hpp"
#include "agent/commands/launch/checked_file.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/stop_on_signal.hpp"
#include "agent/platform/document.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/duration.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

CheckedFile read_checked_file(const std::string& path, const std::optional<FileKind>& said, bool is_part) {
    CheckedFile file{.path = path, .is_part = is_part};
    file.text = read_file(path, largest_user_data);  // of agent.json the agent reads no more either
    const auto kind = said ? said : kind_of(path, file.text);
    if (!kind) {
        throw UsageError{path + " may be a role config or an image's configuration: say which with --kind"};
    }
    file.kind = *kind;
    return file;
}

std::vector<CheckedFile> read_checked_files(const CommandArguments& given) {
    const auto said = file_kind(given.value("--kind"));
    if (given.has("--kind") && !said) {
        throw UsageError{"--kind: expected one of agent, role, user-data"};
    }
    std::vector<CheckedFile> files;
    for (const std::string& path : given.words("FILE")) {
        files.push_back(read_checked_file(path, said, given.has("--part")));
    }
    for (const std::string& role : given.words("--role")) {
        files.push_back({.path = "role " + role,
                         .kind = FileKind::role,
                         .text = to_line({{"role", role}}),
                         .is_part = true});  // it has no more to say
    }
    if (files.empty()) {
        throw UsageError{"name a FILE, or a role with --role and --repository"};
    }
    return files;
}

/// @throws UsageError if it is no folder
fs::path folder_named(const std::string& path, const std::string& option) {
    std::error_code error;
    fs::path folder = fs::canonical(path, error);
    if (error || !fs::is_directory(folder, error)) {
        throw UsageError{option + ": " + path + " is no folder"};
    }
    return folder;
}

/// Nullopt if no catalog is asked for.
std::optional<WorkingCopy> working_copy(const CommandArguments& given) {
    if (!given.has("--repository")) {
        return std::nullopt;
    }
    const auto timeout = parse_duration(given.value("--timeout", "5m"));
    if (!timeout || timeout->count() == 0) {
        throw UsageError{"--timeout: expected a duration such as 90s or 10m"};
    }
    WorkingCopy copy{.folder = folder_named(given.value("--repository"), "--repository"), .timeout = *timeout};
    for (const std::string& each : given.words("--beside")) {
        const std::size_t equals = each.find('=');
        if (equals == std::string::npos) {
            throw UsageError{"--beside: expected NAME=FOLDER"};
        }
        copy.beside[each.substr(0, equals)] = folder_named(each.substr(equals + 1), "--beside");
    }
    if (given.has("--facts")) {
        copy.facts = read_facts_file(given.value("--facts"));
    }
    return copy;
}

void print(const CheckedFile& file) {
    for (const Mistake& mistake : file.mistakes) {
        print_line(line_for(file, mistake));
    }
    const std::string verdict = file.mistakes.empty() ? "good" : counted(file.mistakes.size(), "mistake");
    print_line(file.path + ": " + verdict + " (" + std::string(to_string(file.kind)) + ")");
}

void print(const CheckedFile& file, const CatalogCheck& check) {
    for (const std::string& warning : check.warnings) {
        print_line(file.path + ": warning: " + warning);
    }
    if (check.error) {
        print_line(file.path + ": " + check.error->message + " (" + check.error->code + ")");
        print_line(file.path + ": " + check.error->advice);
        return;
    }
    print_line(file.path + ": its catalog compiles: " + counted(check.resources, "resource") + ", " +
               counted(check.warnings.size(), "warning"));
}

/// The catalogs of those that are role configs, and good; by their places in the list.
std::vector<std::pair<std::size_t, CatalogCheck>> check_catalogs(const System& system, const AgentConfig& image,
                                                                 const std::vector<CheckedFile>& files,
                                                                 const WorkingCopy& copy) {
    const StopOnSignal signals;
    std::vector<std::pair<std::size_t, CatalogCheck>> checks;
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (files[i].role && files[i].mistakes.empty()) {
            checks.emplace_back(i, check_catalog(system, image, *files[i].role, copy, signals.token()));
        }
    }
    return checks;
}

/// Says what is wrong with files, and whether their catalogs compile, before a machine is launched with them. Asks nobody, and needs
/// no rights. @throws Error io.*, facts.invalid; config.invalid: of /etc/bootwright
int run(const System& system, const CommandArguments& given) {
    std::vector<CheckedFile> files = read_checked_files(given);
    const auto copy = working_copy(given);
    const AgentConfig image = check_files(system, files);
    const bool are_files_good =
        std::all_of(files.begin(), files.end(), [](const auto& file) { return file.mistakes.empty(); });
    if (!given.has("--json")) {
        const std::size_t count = given.words("FILE").size();  // the others are names of roles
        for (const CheckedFile& file : files) {
            if (&file < &files.front() + count || !file.mistakes.empty()) {
                print(file);
            }
        }
    }
    const auto checks =
        copy ? check_catalogs(system, image, files, *copy) : std::vector<std::pair<std::size_t, CatalogCheck>>();
    const bool is_good = are_files_good && std::none_of(checks.begin(), checks.end(), [](const auto& check) {
                             return check.second.error.has_value();
                         });
    if (!given.has("--json")) {
        std::for_each(checks.begin(), checks.end(),
                      [&](const auto& check) { print(files[check.first], check.second); });
        return is_good ? exit_ok : exit_failed;
    }
    Json all = Json::array();
    std::transform(files.begin(), files.end(), std::back_inserter(all), [](const auto& file) { return to_json(file); });
    for (const auto& [file, check] : checks) {
        all[file]["catalog"] = to_json(check);
    }
    print_json({{"good", is_good}, {"files", all}});
    return is_good ? exit_ok : exit_failed;
}

const Command command{
    .name = "validate",
    .help =
        "Say what is wrong with a role config, user-data, agent.json or a control repository, before a machine is "
        "launched with it",
    .options = {{.kind = CommandOption::Kind::arguments,
                 .name = "FILE",
                 .help = "Files of these kinds. An agent.json among them is the image that the others are judged on; "
                         "without one, /etc/bootwright is"},
                {.kind = CommandOption::Kind::option,
                 .name = "--kind",
                 .help = "What the files are, where their names and contents do not tell it: agent, role (a file of "
                         "root's) or user-data",
                 .value = "KIND"},
                {.kind = CommandOption::Kind::flag,
                 .name = "--part",
                 .help = "What a role config lacks is said elsewhere: by tags, or a configuration repository"},
                {.kind = CommandOption::Kind::option,
                 .name = "--repository",
                 .help = "A working copy of the control repository: does the catalog of each role config compile from "
                         "it as it is? Nothing is applied, fetched or written there",
                 .value = "FOLDER"},
                {.kind = CommandOption::Kind::options,
                 .name = "--role",
                 .help = "A role whose catalog is compiled, in place of a role config",
                 .needs = "--repository",
                 .value = "ROLE"},
                {.kind = CommandOption::Kind::option,
                 .name = "--facts",
                 .help = "The facts of another machine, from bootwright capture --facts; without it, this one's",
                 .needs = "--repository",
                 .value = "FILE"},
                {.kind = CommandOption::Kind::options,
                 .name = "--beside",
                 .help = "Where a working copy of a repository of the role config's repositories is",
                 .needs = "--repository",
                 .value = "NAME=FOLDER"},
                {.kind = CommandOption::Kind::option,
                 .name = "--timeout",
                 .help = "How long a catalog may take (default 5m)",
                 .needs = "--repository",
                 .value = "DURATION"},
                {.kind = CommandOption::Kind::flag, .name = "--json", .help = "Print a JSON document"}},
    .examples = {{"bootwright validate web.json", "All mistakes of a role config, with file, line and column"},
                 {"bootwright validate agent.json user-data.yaml",
                  "Would a machine of this image take this user-data?"},
                 {"bootwright validate --repository . --role web --facts web-1.json",
                  "Does this working copy compile for the role web, with the facts of the machine web-1?"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
