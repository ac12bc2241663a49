#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/repository/fetching.hpp"
#include "agent/repository/fetch_outcome.hpp"
#include "agent/repository/snapshot_request.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

struct SnapshotOptions {
    std::string revision{};    ///< to make one: a full commit id, branch or tag; to look into one: a commit id. Or ""
    std::string repository{};  ///< a folder or a URL; empty: the one that the current folder lies in
    std::string output{};      ///< a folder
    std::string file{};        ///< the snapshot to look into
    bool without_puppetfile = false;  ///< its modules are none of the snapshot's
};

SnapshotOptions options_of(const CommandArguments& given) {
    return {.revision = given.value("--revision", given.value("REVISION")),
            .repository = given.value("--repository"),
            .output = given.value("--output", "."),
            .file = given.value("FILE"),
            .without_puppetfile = given.has("--without-puppetfile")};
}

/// The caller's own ways to servers, and what is asked of the place that they name.
AgentConfig::Repository settings_of(const System& system, const SnapshotOptions& options) {
    AgentConfig::Repository settings = settings_of_caller(system);
    settings.insecure = {
        Url::parse(options.repository).value_or(Url()).host_and_port()};  // whoever names it sees the result
    settings.puppetfile =
        options.without_puppetfile ? AgentConfig::Repository::Puppetfile::ignore : settings.puppetfile;
    return settings;
}

/// As git finds it: the current folder, or the nearest above it that holds a repository.
std::string repository_here() {
    const fs::path here = fs::current_path();
    for (fs::path folder = here; folder.has_relative_path(); folder = folder.parent_path()) {
        if (fs::exists(folder / ".git") || (fs::exists(folder / "HEAD") && fs::exists(folder / "objects"))) {
            return folder.string();
        }
    }
    return here.string();
}

/// The child has another working folder.
std::string repository_of(const SnapshotOptions& options) {
    if (options.repository.empty()) {
        return repository_here();
    }
    const bool is_folder = fs::exists(options.repository) && options.repository.find("://") == std::string::npos;
    return is_folder ? fs::absolute(options.repository).string() : options.repository;
}

void make_output(const fs::path& folder) {
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure || access(folder.c_str(), W_OK) != 0) {
        Error error = system_call_error("write to", folder.string(), failure ? failure.value() : errno);
        error.advice = "name a folder that you may write to with --output";
        throw Error(error);
    }
}

Snapshot ask_child(const System& system, const SnapshotRequest& request) {
    const Redactor redactor = secrets_of(request);
    const auto read = [&](std::string_view line, const FetchEvents& events, FetchOutcome& answer) {
        read_fetch_event(line, request, redactor, events, answer);
        return answer.snapshot.has_value();
    };
    return *ask_fetch_program(system, to_json(request), redactor, read).snapshot;
}

FetchRequest fetch_request(const System& system, const SnapshotOptions& options, const WorkFolder& work,
                           const CommandArguments& given) {
    FetchRequest request = fetch_request_in(system, work, given);
    request.revision = options.revision;
    request.settings = settings_of(system, options);
    return request;
}

/// The hash, from coreutils' sha256sum, which every Debian has.
std::string sha256_of(const System& system, const fs::path& file) {
    std::string line;
    const ProcessEvents events{.line = [&](std::string_view text) { line = text; }};
    system.processes.run({.arguments = {"/usr/bin/sha256sum", "--", file.string()},
                          .environment = {{"LC_ALL", "C"}},
                          .folder = "",
                          .timeout = std::chrono::minutes(10)},
                         events, {});
    constexpr std::size_t digits = 64;
    // A backslash comes first if the name holds one (sha256sum(1)).
    return line.substr(line.starts_with('\\') ? 1 : 0, digits);
}

void print(const System& system, const Snapshot& snapshot) {
    print_line(snapshot.file.string());
    print_line("  size       " + counted(fs::file_size(snapshot.file), "byte"));
    print_line("  sha256     " + sha256_of(system, snapshot.file));
    print_line("  revision   " + snapshot.revision + ", complete: " + counted(snapshot.files, "file") + ", " +
               counted(snapshot.bytes, "byte"));
    for (const std::string& tag : snapshot.tags) {
        print_line("  tag        " + tag);
    }
    for (const auto& [path, commit] : snapshot.modules) {
        print_line("  module     " + path + ' ' + commit);
    }
    for (const auto& [path, commit] : snapshot.missing) {
        print_line("  not in it  " + path + ' ' + commit + ", which machines fetch from where it is");
    }
}

/// Writes REVISION.bundle, and prints its path, size, hash and content. Needs neither root nor a configuration.
/// @throws Error repository.*, io.*
int run_make(const System& system, const CommandArguments& given) {
    const SnapshotOptions options = options_of(given);
    const WorkFolder work;
    make_output(options.output);
    SnapshotRequest request{.fetch = fetch_request(system, options, work, given),
                            .repository = repository_of(options),
                            .output = fs::absolute(options.output).lexically_normal()};
    request.fetch.revision = options.revision.empty() ? "HEAD" : options.revision;
    print(system, ask_child(system, request));
    return exit_ok;
}

/// Says what is in a snapshot. @throws Error git.snapshot_invalid, git.revision_not_found, io.*
int run_verify(const System& system, const CommandArguments& given) {
    const SnapshotOptions options = options_of(given);
    const WorkFolder work;
    const SnapshotRequest request{.fetch = fetch_request(system, options, work, given),
                                  .look_into = fs::absolute(options.file)};
    if (!options.revision.empty() && !is_commit_id(options.revision)) {
        throw permanent_error("git.revision_invalid", "a snapshot is of a full commit id, and of nothing else",
                              "write 40 hexadecimal digits, or leave the revision out");
    }
    const Snapshot snapshot = ask_child(system, request);
    print(system, snapshot);
    return snapshot.missing.empty() ? exit_ok : exit_failed;
}

const CommandOption without_puppetfile{
    CommandOption::Kind::flag, "--without-puppetfile",
    "Leave out the modules of the Puppetfile, where the image has r10k install them"};

const Command group{.name = "snapshot", .help = "Make one file of one revision, for web servers to serve"};
const Command make{
    .name = "snapshot make",
    .help = "Write REVISION.bundle, and print its path, size and SHA-256",
    .options = {{.kind = CommandOption::Kind::option,
                 .name = "--revision",
                 .help = "A full commit id, branch, tag, or HEAD, which is the default",
                 .value = "REVISION"},
                {.kind = CommandOption::Kind::option,
                 .name = "--repository",
                 .help = "A folder or URL; by default the one around this folder",
                 .value = "FOLDER"},
                {.kind = CommandOption::Kind::option,
                 .name = "--output",
                 .help = "The folder to write to; by default this one",
                 .value = "FOLDER"},
                credentials_option,
                without_puppetfile},
    .examples =
        {{"bootwright snapshot make", "Of HEAD of the repository around this folder"},
         {"bootwright snapshot make --repository https://git.example.com/puppet.git --revision v1.4 --output /srv/www",
          "Of a tag on a server"}},
    .run = run_make};
const Command verify{.name = "snapshot verify",
                     .help = "Say what is in a snapshot, and whether it is complete",
                     .options = {{CommandOption::Kind::argument, "FILE", "The snapshot", true},
                                 {CommandOption::Kind::argument, "REVISION",
                                  "The commit that must be in it; by default the file's name"},
                                 without_puppetfile},
                     .examples = {{"bootwright snapshot verify 1d9dd453741455644070909e2d8ecdb1e4b912ac.bundle",
                                   "Is it complete, and of the commit in its name?"}},
                     .run = run_verify};
const Registered<Command> registered_make(make);
const Registered<Command> registered_verify(verify);
const Registered<Command> registered(group);

}  // namespace

}  // namespace bootwright
