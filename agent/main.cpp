// The composition root: builds the outside world and hands it to a command.

#include "agent/commands/commands.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/recorded_answers.hpp"
#include "agent/config/system.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/net/http.hpp"
#include "common/processes/process.hpp"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <optional>
#include <random>
#include <sstream>
#include <string>

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

/// Beside this program where it was built, in its own folder where it is installed.
std::filesystem::path belonging(const std::string& name) {
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").replace_filename(name);
    return std::filesystem::exists(beside) ? beside : std::filesystem::path("/usr/lib/bootwright") / name;
}

struct CommandLine {
    std::string command;
    std::string root = "/";
    StatusOptions status;
    MetadataOptions metadata;
    bool explain_json = false;
    std::string capture_folder;
    SnapshotOptions snapshot;
};

void add_snapshot(CLI::App& app, SnapshotOptions& options) {
    CLI::App* snapshot = app.add_subcommand("snapshot", "Make one file of one revision, for web servers to serve");
    snapshot->require_subcommand(1);
    CLI::App* make = snapshot->add_subcommand("make", "Write REVISION.bundle, and print its path, size and SHA-256");
    make->add_option("--revision", options.revision, "A full commit id, branch, tag, or HEAD, which is the default");
    make->add_option("--repository", options.repository, "A folder or URL; by default the one around this folder");
    make->add_option("--output", options.output, "The folder to write to; by default this one");
    CLI::App* verify = snapshot->add_subcommand("verify", "Say what is in a snapshot, and whether it is complete");
    verify->add_option("FILE", options.file, "The snapshot")->required();
    verify->add_option("REVISION", options.revision, "The commit that must be in it; by default the file's name");
    for (CLI::App* command : {make, verify}) {
        command->add_flag("--without-puppetfile", options.without_puppetfile,
                          "Leave out the modules of the Puppetfile, where the image has r10k install them");
    }
}

/// @throws CLI::ParseError
CommandLine parse(CLI::App& app, int count, char** arguments) {
    CommandLine line;
    app.require_subcommand(1);
    app.fallthrough();  // --root may follow the command, too
    app.add_option("--root", line.root, "Treat DIR as / (tests, captured machines)")->check(CLI::ExistingDirectory);
    app.add_subcommand("daemon", "Run as the service: configure at boot, then by schedule");
    app.add_subcommand("run", "Configure now, in the foreground");
    CLI::App* status = app.add_subcommand("status", "Say what is configured, what is wrong, and what happens next");
    status->add_flag("--json", line.status.json, "Print status.json");
    CLI::Option* wait = status->add_flag("--wait", line.status.wait,
                                         "Wait until the instance is configured, or cannot be without help");
    std::string timeout;
    status->add_option("--timeout", timeout, "Wait no longer than this, such as 90s or 10m")->needs(wait);
    CLI::App* metadata = app.add_subcommand("metadata", "Print what the platform says of this instance");
    metadata->add_option("KEY", line.metadata.key, "Only this value, such as region or tags.Name");
    metadata->add_flag("--json", line.metadata.json, "Print a JSON document");
    CLI::App* explain = app.add_subcommand("explain", "Say how the platform was found, and where each setting is from");
    explain->add_flag("--json", line.explain_json, "Print a JSON document");
    CLI::App* capture =
        app.add_subcommand("capture", "Write this machine into a folder for a bug report, without secrets");
    capture->add_option("DIR", line.capture_folder, "A folder that is to be made")->required();
    app.add_subcommand("prepare", "Compile Puppet ahead, so that this image's instances start it sooner");
    add_snapshot(app, line.snapshot);
    app.add_subcommand("version", "Print the version");
    app.parse(count, arguments);

    const CLI::App* chosen = app.get_subcommands().front();
    line.command = chosen->get_name();
    if (!chosen->get_subcommands().empty()) {
        line.command += " " + chosen->get_subcommands().front()->get_name();
    }
    if (!timeout.empty()) {
        line.status.timeout = parse_duration(timeout);
        if (!line.status.timeout) {
            throw CLI::ValidationError("--timeout", "expected a duration such as 90s, 10m or 1h");
        }
    }
    return line;
}

int dispatch(const CommandLine& line, char** environment) {
    if (line.command == "version") {
        return version_command();
    }
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
    if (line.command == "metadata") {
        return metadata_command(system, line.metadata);
    }
    if (line.command == "explain") {
        return explain_command(system, line.explain_json);
    }
    if (line.command == "prepare") {
        return prepare_command(system);
    }
    if (line.command == "capture") {
        return capture_command(system, line.capture_folder);
    }
    if (line.command == "snapshot make") {
        return snapshot_make_command(system, line.snapshot);
    }
    if (line.command == "snapshot verify") {
        return snapshot_verify_command(system, line.snapshot);
    }
    if (line.command == "status") {
        return status_command(system, line.status);
    }
    return line.command == "daemon" ? daemon_command(system) : run_command(system);
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
