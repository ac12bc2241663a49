#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/config/config.hpp"
#include "agent/daemon/daemon.hpp"
#include "agent/puppet/hand_over.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run_worker.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/processes/process_tree.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

Error in_use(const std::string& code, const std::string& message) {
    return permanent_error(code, message + ": nothing was removed",
                           "stop it first: `systemctl stop bootwright` (or end `bootwright run`), and call this again");
}

/// @throws Error run.locked, if a Puppet still works whose agent is gone
void refuse_puppet_at_work(const System& system) {
    const Json run = StatusFile(system).read().value("run", Json());
    const Json& child = member_at(run, "child");
    const bool is_left = string_at(run, "state") == "running" && child.is_object() && is_running(process_in(child));
    if (is_left || find_handed_over(system)) {
        throw permanent_error("run.locked", "a Puppet of a run that is over is still at work: nothing was removed",
                              "wait until it has ended (`bootwright status`), or reboot; then call this again");
    }
}

/// As long as this lives, no run and no daemon begins.
class NobodyElse {
public:
    /// @throws Error daemon.locked, run.locked; io.*
    explicit NobodyElse(const System& system) try : daemon_(take_daemon_lock(system)), run_(take_run_lock(system)) {
        refuse_puppet_at_work(system);
    } catch (const Error& error) {
        const bool is_locked =
            error.code == "daemon.locked" || (error.code == "run.locked" && error.kind == ErrorKind::transient);
        throw is_locked ? in_use(error.code, error.message) : error;
    }

private:
    FileLock daemon_;
    FileLock run_;
};

/// Removes what an instance leaves, and says so. Whoever cuts it off finds less than before, and calls it again.
class Cleaning {
public:
    Cleaning(const System& system, const AgentConfig& config)
        : seed_(system.path(config.repository.seed.string()).lexically_normal()) {}

    /// `last` goes last.
    void empty(const fs::path& folder, const std::vector<std::string>& kept = {}, const std::string& last = "") {
        for (const fs::path& entry : entries_of(folder)) {
            const std::string name = entry.filename().string();
            if (name != last && std::find(kept.begin(), kept.end(), name) == kept.end()) {
                remove(entry);
            }
        }
        if (!last.empty() && exists(folder / last)) {
            sync_folder(folder);
            remove(folder / last);
        }
    }

    void remove(const fs::path& path) {
        if (!exists(path)) {
            return;
        }
        if (holds_seed(path)) {
            print_line("kept     " + path.string() + ": the seed of agent.json is in it");
            return;
        }
        remove_tree(path);
        print_line("removed  " + path.string());
        ++removed_;
    }

    [[nodiscard]] std::size_t removed() const { return removed_; }

private:
    static bool exists(const fs::path& path) {
        std::error_code error;
        return fs::exists(fs::symlink_status(path, error));
    }

    /// @throws Error clean.is_link, io.*
    static std::vector<fs::path> entries_of(const fs::path& folder) {
        std::error_code error;
        const fs::file_status status = fs::symlink_status(folder, error);
        if (fs::is_symlink(status)) {
            throw permanent_error("clean.is_link", folder.string() + " is a symbolic link, which is not followed",
                                  "look at where it leads (`readlink -f " + folder.string() +
                                      "`), empty that folder by hand, and call this again");
        }
        if (!fs::exists(status)) {
            return {};
        }
        std::vector<fs::path> entries;
        for (const auto& entry : fs::directory_iterator(folder, error)) {
            entries.push_back(entry.path());
        }
        if (error) {
            throw system_call_error("read the folder", folder.string(), error.value());
        }
        std::sort(entries.begin(), entries.end());
        return entries;
    }

    [[nodiscard]] bool holds_seed(const fs::path& path) const {
        return (seed_.string() + "/").starts_with(path.lexically_normal().string() + "/");
    }

    fs::path seed_;
    std::size_t removed_ = 0;
};

/// The agent writes its log into systemd's journal, which cannot forget one unit alone.
void empty_journal(const System& system) {
    std::string said;
    const auto keep = [&](std::string_view line) { said = shortened(printable(line), 300); };
    const ProcessResult result =
        system.processes.run({.arguments = {"/usr/bin/journalctl", "--vacuum-time=1s",
                                            system.root == "/" ? "--rotate" : "--root=" + system.root.string()},
                              .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}},
                              .timeout = std::chrono::minutes(2)},
                             {.error_line = keep}, {});
    if (result.end != ProcessResult::End::exited || result.exit_code != 0) {
        throw transient_error("clean.journal", "the journal was not emptied" + (said.empty() ? "" : ": " + said),
                              "call `journalctl --rotate --vacuum-time=1s` by hand");
    }
    print_line("emptied  the journal of this machine");
}

/// Makes the machine forget that it was ever configured, before an image is taken of it.
/// @throws Error run.locked, daemon.locked, clean.*, config.invalid, io.*
int run(const System& system, const CommandArguments& given) {
    const AgentConfig config = read_agent_config(system);  // which says where the seed is
    const NobodyElse nobody_else(system);
    Cleaning cleaning(system, config);
    // What instance.json does not stand beside any more, another instance would take for its own.
    cleaning.empty(system.state(), {}, "instance.json");
    cleaning.empty(system.path("/var/cache/bootwright"), {"puppet.compiled"});
    cleaning.empty(system.runtime(), {"daemon.lock", "locks.lock", "run.lock", "status.lock"});
    if (given.has("--seed")) {
        cleaning.remove(system.path("/var/lib/cloud/seed"));
    }
    if (given.has("--logs")) {
        empty_journal(system);
    }
    print_line(std::to_string(cleaning.removed()) +
               " removed; kept: /etc/bootwright, the seed of the repository, and "
               "Puppet's compiled Ruby");
    return exit_ok;
}

const Command command{
    .name = "clean",
    .help = "Forget that this machine was ever configured, before an image is taken",
    .options = {{.kind = CommandOption::Kind::flag, .name = "--logs", .help = "Empty the journal of the machine, too"},
                {.kind = CommandOption::Kind::flag,
                 .name = "--seed",
                 .help = "Remove cloud-init's seed (/var/lib/cloud/seed), too"}},
    .examples = {{"bootwright clean --logs", "The last command before an image is taken of this machine"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
