#include "agent/commands/command.hpp"
#include "agent/commands/launch/checked_file.hpp"
#include "agent/commands/output.hpp"
#include "agent/platform/document.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>

namespace bootwright {

namespace {

CheckedFile read_checked_file(const std::string& path, const std::optional<FileKind>& said) {
    CheckedFile file{.path = path};
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
        files.push_back(read_checked_file(path, said));
    }
    return files;
}

void print(const CheckedFile& file) {
    for (const Mistake& mistake : file.mistakes) {
        print_line(line_for(file, mistake));
    }
    const std::string verdict = file.mistakes.empty() ? "good" : counted(file.mistakes.size(), "mistake");
    print_line(file.path + ": " + verdict + " (" + std::string(to_string(file.kind)) + ")");
}

/// Says what is wrong with files before a machine is launched with them. Asks nobody, and needs no rights.
/// @throws Error io.*; config.invalid: of /etc/bootwright
int run(const System& system, const CommandArguments& given) {
    std::vector<CheckedFile> files = read_checked_files(given);
    check_files(system, files, given.has("--part"));
    const bool is_good =
        std::all_of(files.begin(), files.end(), [](const auto& file) { return file.mistakes.empty(); });
    if (given.has("--json")) {
        Json all = Json::array();
        std::transform(files.begin(), files.end(), std::back_inserter(all),
                       [](const auto& file) { return to_json(file); });
        print_json({{"good", is_good}, {"files", all}});
    } else {
        std::for_each(files.begin(), files.end(), print);
    }
    return is_good ? exit_ok : exit_failed;
}

const Command command{
    .name = "validate",
    .help = "Say what is wrong with a role config, user-data or agent.json, before a machine is launched with it",
    .options = {{.kind = CommandOption::Kind::arguments,
                 .name = "FILE",
                 .help = "Files of these kinds. An agent.json among them is the image that the others are judged on; "
                         "without one, /etc/bootwright is",
                 .is_required = true},
                {.kind = CommandOption::Kind::option,
                 .name = "--kind",
                 .help = "What the files are, where their names and contents do not tell it: agent, role (a file of "
                         "root's) or user-data",
                 .value = "KIND"},
                {.kind = CommandOption::Kind::flag,
                 .name = "--part",
                 .help = "What a role config lacks is said elsewhere: by tags, or a configuration repository"},
                {.kind = CommandOption::Kind::flag, .name = "--json", .help = "Print a JSON document"}},
    .examples = {{"bootwright validate web.json", "All mistakes of a role config, with file, line and column"},
                 {"bootwright validate agent.json user-data.yaml",
                  "Would a machine of this image take this user-data?"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
