#pragma once

#include "agent/config/system.hpp"
#include "common/base/clock.hpp"
#include "common/documents/json.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The exit statuses of all commands; docs/commands.md lists them for users.
enum ExitStatus : int {
    exit_ok = 0,           ///< the instance is configured
    exit_failed = 1,       ///< the last run failed
    exit_usage = 2,        ///< the command line is wrong
    exit_not_yet = 3,      ///< nothing has ended yet, or the wait timed out
    exit_not_running = 4,  ///< nothing has run, and no agent is running
    exit_locked = 5,       ///< another run (or daemon) is under way
    exit_internal = 70,    ///< a defect of bootwright
};

int daemon_command(const System& system);

/// One run in the foreground, with live progress on a terminal.
int run_command(const System& system);

/// Prepares an image: compiles Puppet's Ruby ahead, so that no run has to.
/// @throws Error puppet.not_installed, puppet.not_compiled (permanent), io.*, config.invalid
int prepare_command(const System& system);

struct StatusOptions {
    bool json = false;
    bool wait = false;
    std::optional<std::chrono::milliseconds> timeout{};  ///< with wait; nothing: no limit
};
int status_command(const System& system, const StatusOptions& options);

struct MetadataOptions {
    bool json = false;
    std::string key{};  ///< only this value: "region", "tags.Name"; empty: all
};
/// The instance's metadata, read now. @throws Error platform.*, http.*, metadata.no_such_key
int metadata_command(const System& system, const MetadataOptions& options);

/// Each rule of detection with what it saw, and each value of the role config with where it is from.
int explain_command(const System& system, bool json);

/// Writes this machine, as far as detection and metadata go, into a new folder, for a bug report or a fixture; without
/// secrets. @throws Error capture.not_empty (permanent), io.*, config.invalid
int capture_command(const System& system, const std::filesystem::path& folder);

struct SnapshotOptions {
    std::string revision{};    ///< to make one: a full commit id, branch or tag; to look into one: a commit id. Or ""
    std::string repository{};  ///< a folder or a URL; empty: the one that the current folder lies in
    std::string output = ".";  ///< a folder
    std::string file{};        ///< the snapshot to look into
    bool without_puppetfile = false;  ///< its modules are none of the snapshot's
};
/// Writes REVISION.bundle, and prints its path, size, hash and content. Needs neither root nor a configuration.
/// @throws Error repository.*, io.*
int snapshot_make_command(const System& system, const SnapshotOptions& options);
/// Says what is in a snapshot. @throws Error git.snapshot_invalid, git.revision_not_found, io.*
int snapshot_verify_command(const System& system, const SnapshotOptions& options);

int version_command();

/// What status_command prints and answers, from the status itself; `now` is what the clock says, and `alive` tells whether
/// a process of the status still runs.
struct StatusView {
    ExitStatus verdict = exit_not_running;
    bool is_final = false;             ///< `--wait` need not wait for more
    std::vector<std::string> lines{};  ///< for people; each to be printed as one, since it may quote anything
};
/// For people.
void print_view(const StatusView& view);
StatusView view_status(const Json& status, const Instant& now, const std::function<bool(ProcessId)>& alive);

}  // namespace bootwright
