#include "agent/commands/command_line.hpp"

#include "common/base/text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <sstream>

namespace bootwright {

namespace {

void add_options(CLI::App& app, const Command& command) {
    std::map<std::string, CLI::Option*> added;
    for (const CommandOption& option : command.options) {
        CLI::Option*& one = added[option.name];
        one = option.kind == CommandOption::Kind::flag
                  ? app.add_flag(option.name, option.help)
                  : app.add_option(option.name, option.help)->type_name(value_name(option));
        one->required(option.is_required);
        if (option.kind == CommandOption::Kind::arguments) {
            one->expected(CLI::detail::expected_max_vector_size);
        }
        if (option.kind == CommandOption::Kind::options) {
            one->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        }
        if (!option.needs.empty()) {
            one->needs(added.at(option.needs));
        }
    }
}

std::string shown_examples(const Command& command) {
    std::string text;
    for (const CommandExample& example : command.examples) {
        text += (text.empty() ? "Examples:\n  " : "\n  ") + std::string(example.line) + "\n      " +
                std::string(example.meaning);
    }
    return text;
}

/// Adds all commands, each below its group. Returns them by what CLI11 knows them as.
std::map<const CLI::App*, const Command*> add_commands(CLI::App& app) {
    std::map<const CLI::App*, const Command*> added;
    std::map<std::string, CLI::App*> groups;
    for (const Command* command : all_commands()) {
        const std::vector<std::string> words = split(command->name, ' ');
        CLI::App& above = words.size() > 1 ? *groups.at(words.front()) : app;
        CLI::App* one = above.add_subcommand(words.back(), std::string(command->help));
        if (command->run == nullptr) {
            one->require_subcommand(1);
            groups[words.front()] = one;
        }
        one->preparse_callback([one, command](std::size_t) {  // only of the one that is called
            add_options(*one, *command);
            one->footer(shown_examples(*command));
        });
        added[one] = command;
    }
    return added;
}

std::map<std::string, std::string> given_to(const CLI::App& app, const Command& command) {
    std::map<std::string, std::string> given;
    for (const CommandOption& option : command.options) {
        const CLI::Option* one = app.get_option(option.name);
        if (one->count() > 0 && !is_repeated(option)) {
            given[option.name] = option.kind == CommandOption::Kind::flag ? "" : one->as<std::string>();
        }
    }
    return given;
}

CommandArguments::Words words_given_to(const CLI::App& app, const Command& command) {
    CommandArguments::Words words;
    for (const CommandOption& option : command.options) {
        if (is_repeated(option)) {
            words[option.name] = app.get_option(option.name)->results();
        }
    }
    return words;
}

/// @throws CLI::ParseError
CommandLine parse(CLI::App& app, std::vector<std::string> words) {
    CommandLine line;
    app.require_subcommand(1);
    app.fallthrough();  // --root may follow the command, too
    app.add_option("--root", line.root, "Treat DIR as / (tests, captured machines)")->check(CLI::ExistingDirectory);
    const auto added = add_commands(app);
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the end
    app.parse(words);

    const CLI::App* chosen = app.get_subcommands().front();
    while (!chosen->get_subcommands().empty()) {
        chosen = chosen->get_subcommands().front();
    }
    line.command = added.at(chosen);
    line.given = given_to(*chosen, *line.command);
    line.words = words_given_to(*chosen, *line.command);
    return line;
}

}  // namespace

std::vector<const Command*> all_commands() {
    std::vector<const Command*> sorted = Registered<Command>::all();
    std::sort(sorted.begin(), sorted.end(), [](const auto* one, const auto* other) { return one->name < other->name; });
    return sorted;
}

std::string value_name(const CommandOption& option) {
    if (!option.value.empty()) {
        return option.value;
    }
    return is_argument(option) ? option.name : "TEXT";
}

CommandLine parse_command_line(const std::vector<std::string>& words) {
    CLI::App app("bootwright configures this instance at boot from a pinned Puppet repository", "bootwright");
    app.footer("`bootwright help CODE` says what an error means and what to do; `man bootwright` says more.");
    try {
        return parse(app, words);
    } catch (const CLI::ParseError& error) {
        std::ostringstream help;
        std::ostringstream problem;
        if (app.exit(error, help, problem) == 0) {
            return {.help = std::string(trimmed(help.str()))};
        }
        throw UsageError{std::string(trimmed(problem.str()))};
    }
}

}  // namespace bootwright
