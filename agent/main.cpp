// The composition root: builds the outside world and hands it to a command.

#include "agent/commands/command_line.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/support/recorded_answers.hpp"
#include "agent/config/system.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/net/http.hpp"
#include "common/processes/own_program.hpp"
#include "common/processes/process.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
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

int dispatch(const CommandLine& line, std::map<std::string, std::string> environment) {
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
                        .environment = std::move(environment)};
    return line.command->run(system, CommandArguments(line.given, line.words));
}

void show(const Error& error) {
    log(LogLevel::error, error.message + " (" + error.code + ")", error.code);
    log(LogLevel::info, error.advice);
}

int answer(const std::vector<std::string>& words, char** environment) {
    try {
        std::map<std::string, std::string> variables = environment_map(environment);
        print_on(paper_of(STDOUT_FILENO, variables));
        const CommandLine line = parse_command_line(words);
        if (line.command == nullptr) {
            print_lines(line.help);
            return exit_ok;
        }
        return dispatch(line, std::move(variables));
    } catch (const UsageError& error) {
        for (const std::string& line : split(error.message, '\n')) {
            log(LogLevel::error, line);
        }
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
    const int status = answer({arguments + (count > 0 ? 1 : 0), arguments + count}, environment);
    try {
        check_output();
    } catch (const Error& error) {
        show(error);
        return exit_failed;
    }
    return status;
}
