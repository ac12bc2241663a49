// The composition root: builds the outside world and hands it to a command.

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/recorded_answers.hpp"
#include "agent/config/system.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/net/http.hpp"
#include "common/processes/own_program.hpp"
#include "common/processes/process.hpp"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace bootwright;  // NOLINT(google-build-using-namespace): this file is the program

/// A file that is opened as descriptor 0, 1 or 2, because the caller had closed them, would be taken for a stream. What is
/// written to such a one fails, as it would have.
void open_standard_streams() {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(stream, F_GETFD) < 0) {  // then it is the lowest that is free
            open("/dev/null", O_RDONLY | O_CLOEXEC);
        }
    }
}

std::map<std::string, std::string> environment_map(char** entries) {
    std::map<std::string, std::string> environment;
    for (; *entries != nullptr; ++entries) {
        const std::string entry = *entries;
        const std::size_t equals = entry.find('=');
        if (equals != std::string::npos) {
            environment[entry.substr(0, equals)] = entry.substr(equals + 1);
        }
    }
    return environment;
}

/// In [0, 1); each thread has a generator of its own.
double random_share() {
    thread_local std::minstd_rand generator(std::random_device{}());
    return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

struct CommandLine {
    std::string root = "/";
    const Command* command = nullptr;
    std::map<std::string, std::string> given{};
};

/// All commands; a group before its own.
std::vector<const Command*> commands() {
    std::vector<const Command*> sorted = Registered<Command>::all();
    std::sort(sorted.begin(), sorted.end(), [](const auto* one, const auto* other) { return one->name < other->name; });
    return sorted;
}

void add_options(CLI::App& app, const Command& command) {
    std::map<std::string, CLI::Option*> added;
    for (const CommandOption& option : command.options) {
        CLI::Option*& one = added[option.name];
        one = option.kind == CommandOption::Kind::flag ? app.add_flag(option.name, option.help)
                                                       : app.add_option(option.name, option.help)->type_name("TEXT");
        one->required(option.is_required);
        if (!option.needs.empty()) {
            one->needs(added.at(option.needs));
        }
    }
}

/// Adds all commands, each below its group. Returns them by what CLI11 knows them as.
std::map<const CLI::App*, const Command*> add_commands(CLI::App& app) {
    std::map<const CLI::App*, const Command*> added;
    std::map<std::string, CLI::App*> groups;
    for (const Command* command : commands()) {
        const std::vector<std::string> words = split(command->name, ' ');
        CLI::App& above = words.size() > 1 ? *groups.at(words.front()) : app;
        CLI::App* one = above.add_subcommand(words.back(), std::string(command->help));
        if (command->run == nullptr) {
            one->require_subcommand(1);
            groups[words.front()] = one;
        }
        one->preparse_callback(
            [one, command](std::size_t) { add_options(*one, *command); });  // only of the one that is called
        added[one] = command;
    }
    return added;
}

std::map<std::string, std::string> given_to(const CLI::App& app, const Command& command) {
    std::map<std::string, std::string> given;
    for (const CommandOption& option : command.options) {
        const CLI::Option* one = app.get_option(option.name);
        if (one->count() > 0) {
            given[option.name] = option.kind == CommandOption::Kind::flag ? "" : one->as<std::string>();
        }
    }
    return given;
}

/// @throws CLI::ParseError
CommandLine parse(CLI::App& app, int count, char** arguments) {
    CommandLine line;
    app.require_subcommand(1);
    app.fallthrough();  // --root may follow the command, too
    app.add_option("--root", line.root, "Treat DIR as / (tests, captured machines)")->check(CLI::ExistingDirectory);
    const auto added = add_commands(app);
    app.parse(count, arguments);

    const CLI::App* chosen = app.get_subcommands().front();
    while (!chosen->get_subcommands().empty()) {
        chosen = chosen->get_subcommands().front();
    }
    line.command = added.at(chosen);
    line.given = given_to(*chosen, *line.command);
    return line;
}

int dispatch(const CommandLine& line, char** environment) {
    NetworkHttpClient real_http;
    SystemProcessRunner real_processes;
    SystemClock clock;
    // A captured machine answers from its own record, and runs nothing.
    const auto answers = line.root == "/" ? std::nullopt : read_recorded_answers(line.root);
    std::optional<ReplayHttpClient> recorded_http;
    std::optional<ReplayProcessRunner> recorded_processes;
    if (answers) {
        recorded_http.emplace(*answers);
        recorded_processes.emplace(*answers);
    }
    const System system{.http = answers ? static_cast<HttpClient&>(*recorded_http) : real_http,
                        .processes = answers ? static_cast<ProcessRunner&>(*recorded_processes) : real_processes,
                        .clock = clock,
                        .random = random_share,
                        .root = line.root,
                        .fetch_program = belonging("bootwright-fetch"),
                        .ruby_folder = belonging("ruby/observe.rb").parent_path(),  // /usr/bin/ruby is something else
                        .environment = environment_map(environment)};
    return line.command->run(system, CommandArguments(line.given));
}

/// In the words of CLI11, which quote the command line.
int explain_usage(const CLI::App& app, const CLI::ParseError& error) {
    std::ostringstream help;
    std::ostringstream problem;
    const bool is_help = app.exit(error, help, problem) == 0;
    for (const std::string& line : split(trimmed((is_help ? help : problem).str()), '\n')) {
        is_help ? print_line(line) : log(LogLevel::error, line);
    }
    return is_help ? exit_ok : exit_usage;
}

void show(const Error& error) {
    log(LogLevel::error, error.message + " (" + error.code + ")");
    log(LogLevel::info, error.advice);
}

int answer(int count, char** arguments, char** environment) {
    CLI::App app("bootwright configures this instance at boot from a pinned Puppet repository");
    try {
        return dispatch(parse(app, count, arguments), environment);
    } catch (const CLI::ParseError& error) {
        return explain_usage(app, error);
    } catch (const UsageError& error) {
        log(LogLevel::error, error.message);
        return exit_usage;
    } catch (const Error& error) {
        show(error);
        return error.code.ends_with(".locked") ? exit_locked : exit_failed;
    } catch (const std::exception& error) {
        log(LogLevel::error, std::string("a defect of bootwright: ") + error.what());
        return exit_internal;
    }
}

}  // namespace

int main(int count, char** arguments, char** environment) {
    open_standard_streams();
    umask(022);
    // A reader that is gone ends no command; what a command starts gets the signal's usual meaning back.
    std::signal(SIGPIPE, SIG_IGN);
    const int status = answer(count, arguments, environment);
    try {
        check_output();
    } catch (const Error& error) {
        show(error);
        return exit_failed;
    }
    return status;
}
