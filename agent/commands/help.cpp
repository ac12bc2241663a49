#include "agent/commands/command_line.hpp"
#include "agent/commands/output.hpp"
#include "agent/help/markdown.hpp"
#include "agent/help/runbook.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>

namespace bootwright {

namespace {

constexpr std::size_t width = 80;

/// A paragraph. @param label stands before its first line, in a column of its own
void print_wrapped(const std::string& label, const std::string& text) {
    std::string before = label;
    for (const std::string& line : wrapped(plain(text), width - label.size())) {
        print_line(before + line);
        before = std::string(label.size(), ' ');
    }
}

void print_entry(const RunbookEntry& entry) {
    print_line(joined(entry.codes, ", "));
    print_wrapped("", "(" + entry.kind + ")");
    print_line("");
    print_wrapped("", entry.meaning);
    for (const RunbookEntry::Step& step : entry.steps) {
        constexpr std::size_t column = 8;
        const std::string label = step.label + ":";
        print_line("");
        print_wrapped(label + std::string(column - std::min(column, label.size()), ' '), step.text);
    }
}

/// A line for each code that begins with `area`; returns whether there is one.
bool print_area(const std::vector<RunbookEntry>& entries, const std::string& area) {
    bool is_printed = false;
    for (const RunbookEntry& entry : entries) {
        for (const std::string& code : entry.codes) {
            if (code.starts_with(area + ".")) {
                print_line(code);
                print_wrapped("    ", entry.meaning);
                is_printed = true;
            }
        }
    }
    return is_printed;
}

/// How to call a command. Empty if there is none of that name.
std::string usage_of(const std::string& name) {
    for (const Command* command : all_commands()) {
        if (command->name == name) {
            std::vector<std::string> words = split(name, ' ');
            words.emplace_back("--help");
            return parse_command_line(words).help;
        }
    }
    return "";
}

[[noreturn]] void throw_unknown(const std::vector<RunbookEntry>& entries, const std::string& topic) {
    std::vector<std::string> known;
    for (const RunbookEntry& entry : entries) {
        known.insert(known.end(), entry.codes.begin(), entry.codes.end());
    }
    for (const Command* command : all_commands()) {
        known.emplace_back(command->name);
    }
    const auto meant = nearest(topic, known);
    throw permanent_error("help.no_such_topic", "there is no error and no command \"" + shortened(topic, 100) + "\"",
                          meant ? "did you mean \"" + *meant + "\"?"
                                : "give an error's code, such as git.no_repository, or its beginning, such as git; "
                                  "`bootwright help` lists the commands");
}

int run(const System& /*system*/, const CommandArguments& given) {
    if (!given.has("CODE")) {
        print_lines(parse_command_line({"--help"}).help);
        return exit_ok;
    }
    const std::string topic = given.value("CODE") + (given.has("MORE") ? " " + given.value("MORE") : "");
    const std::vector<RunbookEntry> entries = runbook();
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const RunbookEntry& entry) {
        return std::find(entry.codes.begin(), entry.codes.end(), topic) != entry.codes.end();
    });
    if (found != entries.end()) {
        print_entry(*found);
    } else if (const std::string usage = usage_of(topic); !usage.empty()) {
        print_lines(usage);
    } else if (!print_area(entries, topic)) {
        throw_unknown(entries, topic);
    }
    return exit_ok;
}

const Command command{
    .name = "help",
    .help = "Say what an error means, what to check and what to do; or how to call a command",
    .options = {{.kind = CommandOption::Kind::argument,
                 .name = "CODE",
                 .help = "The code of an error, or its beginning (git); or a command"},
                {.kind = CommandOption::Kind::argument, .name = "MORE", .help = "The second word of a command"}},
    .examples = {{"bootwright help git.no_repository", "What this error means, what to check, what to do"},
                 {"bootwright help puppet", "All errors of Puppet's, with their meaning"},
                 {"bootwright help snapshot make", "How to call that command"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
