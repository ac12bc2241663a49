#include "agent/hooks/hooks.hpp"

#include "agent/record/history.hpp"
#include "agent/record/run_report.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/files/owner.hpp"
#include "common/processes/operators_program.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_said = 300;
/// For one hook: a load balancer lets the connections of a machine end for some minutes.
constexpr std::chrono::minutes longest_hook{5};

/// What editors and dpkg leave beside a file is none.
bool is_leftover(const std::string& name) {
    return name.starts_with('.') || name.ends_with('~') || name.find(".dpkg-") != std::string::npos ||
           name.find(".ucf-") != std::string::npos;
}

bool is_program(const fs::path& path) {
    constexpr auto executable = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    return fs::is_regular_file(status) && (status.permissions() & executable) != fs::perms::none;
}

/// As on the machine.
fs::path folder_of(const std::string& when) { return fs::path("/etc/bootwright/hooks.d") / when; }

/// The names of the hooks in their order. @throws Error io.*
std::vector<std::string> hooks_of(const System& system, const std::string& when) {
    const fs::path folder = system.path(folder_of(when).native());
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        const std::string name = at->path().filename();
        if (!is_leftover(name) && is_program(at->path())) {
            names.push_back(name);
        }
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        throw system_call_error("read", folder.string(), error.value());
    }
    std::sort(names.begin(), names.end());
    return names;
}

/// @throws Error hook.unsafe
void check_nobody_else_can_change(const System& system, const std::string& when,
                                  const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        const fs::path path = folder_of(when) / name;
        if (!is_roots_alone(system.root, path)) {
            throw permanent_error("hook.unsafe",
                                  "the hook " + path.string() +
                                      " is not run: somebody else than root may change it, or a folder above it, or it "
                                      "is a symbolic link",
                                  "chown root:root and chmod go-w what `namei -l " + path.string() +
                                      "` shows; put the program itself there, no link to it");
        }
    }
}

/// The secrets of the last run that had a role config: this run has not read its own yet.
Redactor secrets_of_last_run(const System& system) {
    constexpr std::size_t largest = std::size_t{16} << 20U;
    Redactor secrets;
    auto numbers = runs_after(system, 0);
    std::reverse(numbers.begin(), numbers.end());
    for (const int number : numbers) {
        const Json role = parse_json(read_or_empty(run_folder(system, number) / "role_config.json", largest));
        if (role.is_object()) {
            secrets.add_values(member_at(member_at(role, "config"), "data"));
            break;
        }
    }
    return secrets;
}

class Hooks {
public:
    Hooks(const System& system, const Redactor& secrets, RunRecord& record, const std::stop_token& stop)
        : system_(system), secrets_(secrets), record_(record), stop_(stop) {}

    /// Returns what the record says of it. @throws Error stopped
    RunReport::Hook run(const std::string& when, const std::string& program) {
        if (stop_.stop_requested()) {
            throw stopped_error();
        }
        RunReport::Hook hook{.name = when + "/" + program};
        log(LogLevel::info, "the hook " + hook.name + " begins, for " + to_human(longest_hook) + " at most");
        record_.hook_begins(hook.name);
        if (record_.snapshot().finished) {
            keep();  // if power goes, its record has what had begun
        }
        const auto began = system_.clock.now().since_boot;
        try {
            const ProgramAnswer answer = run_operators_program(
                system_.processes, {system_.path((folder_of(when) / program).native()).string()},
                to_text(to_json(record_.snapshot())), longest_hook,
                [&](ProcessId child) { record_.child_started(child); }, stop_);
            hook.ok = answer.is_good();
            if (answer.result.end == ProcessResult::End::exited) {
                hook.exit_status = answer.result.exit_code;
            }
            const std::string said = said_by(answer, secrets_.cleaned(answer.output), longest_hook);
            hook.said = shortened_within(printable(said), longest_said);
        } catch (const Error& error) {
            hook.said = shortened_within(error.message, longest_said);
        }
        if (stop_.stop_requested() && !hook.ok) {
            hook.said = "ended, as the agent was told to stop";
        }
        hook.took = system_.clock.now().since_boot - began;
        record_.hook_ended(hook);
        if (stop_.stop_requested()) {
            throw stopped_error();
        }
        return hook;
    }

    /// Each of them, whatever comes of the others. True if there is something to tell of them.
    bool run_after(const std::string& when) {
        try {
            const auto programs = hooks_of(system_, when);
            check_nobody_else_can_change(system_, when, programs);
            for (const std::string& program : programs) {
                const RunReport::Hook hook = run(when, program);
                if (!hook.ok) {
                    record_.warning("the hook " + hook.name +
                                    " did not do its work, which leaves this run as it is: " + hook.said);
                }
            }
            return !programs.empty();
        } catch (const Error& error) {
            record_.warning("not all hooks of " + when + " were run: " + error.message);
            return true;
        }
    }

    /// What has become of a run that is over, in its record.
    void keep() {
        try {
            keep_report(system_, record_.snapshot());
        } catch (const Error& error) {
            record_.warning("the run's record does not have all hooks: " + error.message);
        }
    }

private:
    const System& system_;
    const Redactor& secrets_;
    RunRecord& record_;
    const std::stop_token& stop_;
};

}  // namespace

void run_hooks_before(const System& system, RunRecord& record, const std::stop_token& stop) {
    const std::string when = "before-run";
    const auto programs = hooks_of(system, when);
    if (programs.empty()) {
        return;
    }
    record.begin_stage(Stage::hooks, 1);
    check_nobody_else_can_change(system, when, programs);
    const Redactor secrets = secrets_of_last_run(system);
    Hooks hooks(system, secrets, record, stop);
    make_folder(run_folder(system, record.number()), 0700);  // if power goes, the history has this run
    for (const std::string& program : programs) {
        const RunReport::Hook hook = hooks.run(when, program);
        if (!hook.ok) {
            throw transient_error("hook.failed", "the hook " + hook.name + " has ended this run: " + hook.said,
                                  "mend what it complains of, or the hook; `chmod -x` switches a hook off");
        }
    }
}

void run_hooks_after(const System& system, const std::optional<Redactor>& secrets, RunRecord& record,
                     const std::stop_token& stop) {
    const Redactor known = secrets ? *secrets : secrets_of_last_run(system);
    Hooks hooks(system, known, record, stop);
    const bool tells_of_failure = record.snapshot().error && hooks.run_after("on-failure");
    if (hooks.run_after("after-run") || tells_of_failure) {
        hooks.keep();
    }
}

}  // namespace bootwright
