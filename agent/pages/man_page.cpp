#include "agent/pages/man_page.hpp"

#include "agent/commands/command_line.hpp"
#include "agent/pages/roff.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"

#include <algorithm>

namespace bootwright {

namespace {

std::string bold(std::string_view text) { return "\\fB" + roff_text(text, true) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + roff_text(text, true) + "\\fR"; }

std::string beginning(const PageSource& source, const std::string& name, char section, std::string_view summary) {
    std::string title = roff_text(name, true);
    std::transform(title.begin(), title.end(), title.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return ".TH " + title + " " + section + " " + source.date + " \"bootwright " + std::string(version) +
           "\" bootwright\n.nh\n.ad l\n.SH NAME\n" + roff_text(name, true) + " \\- " + lower(summary.substr(0, 1)) +
           roff_line(summary.substr(1)) + "\n";
}

/// What stands below "## HEADING", up to the next such heading.
std::string section_of(const std::string& document, const std::string& heading) {
    const std::string whole = "\n## " + heading + "\n";
    const std::size_t begin = document.find(whole);
    if (begin == std::string::npos) {
        return "";
    }
    const std::size_t text = begin + whole.size();
    return document.substr(text, std::min(document.find("\n## ", text), document.size()) - text);
}

std::string exit_statuses(const PageSource& source) {
    return ".SH EXIT STATUS\n" + roff_of(section_of(source.commands, "Exit statuses"));
}

std::string see_also(const std::string& own) {
    std::string text = ".SH SEE ALSO\n";
    for (const char* page : {"bootwright(1)", "bootwright.json(5)", "bootwright-role(5)", "bootwright-errors(7)"}) {
        const std::string name(page);
        if (name != own) {
            text += ".BR " + roff_text(name.substr(0, name.size() - 3), true) + " (" + name[name.size() - 2] + "),\n";
        }
    }
    text.replace(text.size() - 2, 1, "");  // the last comma
    return text;
}

/// "--run RUN"
std::string shown_option(const CommandOption& option) {
    switch (option.kind) {
        case CommandOption::Kind::flag: return bold(option.name);
        case CommandOption::Kind::option: return bold(option.name) + " " + italic(value_name(option));
        case CommandOption::Kind::options: return bold(option.name) + " " + italic(value_name(option)) + " ...";
        case CommandOption::Kind::arguments: return italic(option.name) + " ...";
        case CommandOption::Kind::argument: break;
    }
    return italic(option.name);
}

std::string synopsis(const Command& command) {
    std::string text = ".SH SYNOPSIS\n.B bootwright " + roff_text(command.name, true) + "\n";
    for (const bool are_arguments : {false, true}) {
        for (const CommandOption& option : command.options) {
            if (is_argument(option) == are_arguments) {
                const std::string shown = shown_option(option);
                text += option.is_required ? shown + "\n" : "[" + shown + "]\n";
            }
        }
    }
    return text;
}

std::string options(const Command& command) {
    std::string text = command.options.empty() ? "" : ".SH OPTIONS\n";
    for (const CommandOption& option : command.options) {
        text += ".TP\n" + shown_option(option) + "\n" + roff_line(option.help) +
                (option.needs.empty() ? "" : " (with " + roff_text(option.needs, true) + ")") + ".\n";
    }
    return text;
}

std::string examples(const Command& command) {
    std::string text = ".SH EXAMPLES\n";
    for (const CommandExample& example : command.examples) {
        text += ".TP\n" + bold(example.line) + "\n" + roff_line(example.meaning) + ".\n";
    }
    return text;
}

/// True for "| `bootwright snapshot make …` | … |".
bool is_row_of(std::string_view line, std::string_view name) {
    const std::string begin = "| `bootwright " + std::string(name);
    return line.starts_with(begin) && line.size() > begin.size() &&
           (line[begin.size()] == ' ' || line[begin.size()] == '`');
}

/// The rows of docs/commands.md for it.
std::string description(const PageSource& source, const Command& command) {
    std::string table = "| command | does |\n|-|-|\n";
    for (const std::string& line : split(source.commands, '\n')) {
        if (is_row_of(line, command.name)) {
            table += line + "\n";
        }
    }
    return ".SH DESCRIPTION\n" + roff_line(command.help) + ".\n" + roff_of(table);
}

}  // namespace

std::string page_name(const Command& command) {
    std::string name = "bootwright-" + std::string(command.name);
    std::replace(name.begin(), name.end(), ' ', '-');
    return name;
}

std::string command_page(const PageSource& source, const Command& command) {
    return beginning(source, page_name(command), '1', command.help) + synopsis(command) + description(source, command) +
           options(command) + examples(command) + exit_statuses(source) + see_also("");
}

std::string overview_page(const PageSource& source) {
    std::string text = beginning(source, "bootwright", '1', "configure this instance from a pinned Puppet repository") +
                       ".SH SYNOPSIS\n.B bootwright\n[" + bold("--root") + " " + italic("DIR") + "]\n" +
                       italic("COMMAND") + "\n[" + italic("OPTION") +
                       " ...]\n.SH COMMANDS\nEach has a page of its own.\n";
    for (const Command* command : all_commands()) {
        if (command->run != nullptr) {
            text += ".TP\n.BR " + roff_text(page_name(*command), true) + " (1)\n" + roff_line(command->help) + ".\n";
        }
    }
    text += ".SH OPTIONS\n.TP\n" + bold("--root") + " " + italic("DIR") +
            "\nTreat DIR as /: tests, captured machines.\n.TP\n" + bold("--help") +
            "\nSay how to call the program, or the command before it.\n";
    for (const char* heading : {"A run whose reader leaves", "What strangers say"}) {
        text += ".SH \"" + std::string(heading) + "\"\n" + roff_of(section_of(source.commands, heading));
    }
    return text + exit_statuses(source) + see_also("bootwright(1)");
}

std::string document_page(const PageSource& source, const DocumentPage& page, std::string_view document) {
    const std::string name(page.name);
    return beginning(source, name, page.section, page.summary) + ".SH DESCRIPTION\n" + roff_of(document) +
           see_also(name + "(" + page.section + ")");
}

}  // namespace bootwright
