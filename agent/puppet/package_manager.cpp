#include "agent/puppet/package_manager.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

using std::chrono::milliseconds;

constexpr const char* dpkg = "/usr/bin/dpkg";

/// The other program that holds one of the locks of dpkg and apt, in words. Returns nullopt if they are free. Only
/// asks: taking a lock to see whether it is free would make others fail.
std::optional<std::string> find_lock_holder(const System& system) {
    // fcntl's locks, in the order in which apt takes them (apt-pkg/deb/debsystem.cc, apt-pkg/acquire.cc).
    constexpr std::array<const char*, 4> locks{"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock",
                                               "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"};
    for (const char* path : locks) {
        const UniqueFd file(open(system.path(path).c_str(), O_RDONLY | O_CLOEXEC));
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        if (!file || fcntl(file.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) {
            continue;
        }
        // Not positive: the process is in another container, which shares the folder.
        const std::string pid = std::to_string(lock.l_pid);
        const auto name = lock.l_pid > 0 ? read_file_start("/proc/" + pid + "/comm", 64) : std::nullopt;
        return (name ? printable(trimmed(*name)) + " (process " + pid + ")" : "another program") + ", which holds " +
               path;
    }
    return std::nullopt;
}

void wait_for_locks(const System& system, milliseconds longest, const StageEvents& events,
                    const std::stop_token& stop) {
    constexpr milliseconds pause{1000};
    const auto end = system.clock.now().since_boot + longest;
    for (auto holder = find_lock_holder(system); holder; holder = find_lock_holder(system)) {
        const auto left = end - system.clock.now().since_boot;
        if (left <= milliseconds(0)) {
            throw transient_error("puppet.package_lock", "waited " + to_human(longest) + " for " + *holder,
                                  "see what that program does, and end it if it hangs: `systemctl status PROCESS`; "
                                  "puppet.package_lock_timeout of agent.json says how long it is waited for");
        }
        events.waiting(*holder, left);
        if (!system.clock.sleep(std::min(pause, left), stop)) {
            throw stopped_error();
        }
    }
    events.waiting("", {});
}

/// True if dpkg was killed, or the power failed, while it worked: its database lacks what it had to note down. apt
/// refuses to do anything then, by the same sign: files whose names are numbers (debSystem::CheckUpdates). A package
/// that is merely not configured does not count: apt and Puppet mend that themselves, with what they are about to
/// change.
bool is_interrupted(const System& system) {
    std::error_code error;
    const fs::directory_iterator updates(system.path("/var/lib/dpkg/updates"), error);
    return std::any_of(begin(updates), end(updates), [](const fs::directory_entry& entry) {
        const std::string name = entry.path().filename().string();
        return name.find_first_not_of("0123456789") == std::string::npos;
    });
}

ProcessRequest configure_request(const System& system) {
    ProcessRequest request{
        .arguments = {system.path(dpkg).string(), "--configure", "-a", "--force-confdef", "--force-confold"},
        .environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                        {"HOME", "/root"},
                        {"LC_ALL", "C.UTF-8"},
                        {"DEBIAN_FRONTEND", "noninteractive"}},
        .timeout = std::chrono::minutes(30),
        .grace = std::chrono::seconds(10)};
    if (system.root != "/") {
        request.arguments.push_back("--root=" + system.root.string());
    }
    return request;
}

/// Succeeds if the journal is gone: a package that cannot be configured may be the very thing that Puppet is to mend.
void mend(const System& system, const StageEvents& events, const std::stop_token& stop) {
    constexpr std::size_t kept_output = 1000;
    const ProcessRequest request = configure_request(system);
    std::string output;  // its end
    const auto keep = [&](std::string_view line) {
        output.append(printable(line)).append("; ");
        output.erase(0, output.size() - std::min(output.size(), kept_output));
    };
    events.waiting("`dpkg --configure -a`, which completes what was interrupted", request.timeout);
    const ProcessResult result =
        system.processes.run(request, {.started = events.child_started, .line = keep, .error_line = keep}, stop);
    events.waiting("", {});
    if (result.end == ProcessResult::End::stopped) {
        throw stopped_error();
    }
    const bool is_whole = result.end == ProcessResult::End::exited && result.exit_code == 0;
    const std::string said = output.empty() ? "nothing" : output.substr(0, output.size() - 2);
    if (is_interrupted(system)) {
        throw transient_error(
            "puppet.dpkg_interrupted",
            "dpkg was interrupted in the middle of its work, and `dpkg --configure -a` does not mend it; it says: " +
                said,
            "run `dpkg --configure -a` by hand, and mend what it names; until then nothing can be "
            "installed or removed");
    }
    events.warning("dpkg had been interrupted in the middle of its work: " +
                   std::string(is_whole ? "`dpkg --configure -a` has completed it"
                                        : "`dpkg --configure -a` could not configure all of it") +
                   "; it says: " + said);
}

}  // namespace

void prepare_package_manager(const System& system, const AgentConfig& config, bool noop, const StageEvents& events,
                             const std::stop_token& stop) {
    std::error_code error;
    if (!fs::exists(system.path(dpkg), error)) {
        return;
    }
    if (noop) {
        if (is_interrupted(system)) {
            events.warning(
                "dpkg was interrupted in the middle of its work: a run without noop would complete it first");
        }
        return;
    }
    if (config.puppet.package_lock_timeout > milliseconds(0)) {
        wait_for_locks(system, config.puppet.package_lock_timeout, events, stop);
    }
    if (is_interrupted(system)) {
        mend(system, events, stop);
    }
}

std::map<std::string, std::string> apt_variables(const System& system, const StageEvents& events) {
    std::error_code error;
    if (!fs::exists(system.path(dpkg), error)) {
        return {};
    }
    // apt reads the file of APT_CONFIG first, and then the system's own files (apt.conf(5)): the image's settings win.
    std::string content = "DPkg::Lock::Timeout \"300\";\n";
    const auto given = system.environment.find("APT_CONFIG");
    if (given != system.environment.end() && !given->second.empty() &&
        given->second.find_first_of("\"\n") == std::string::npos) {
        content += "#include \"" + given->second + "\";\n";
    }
    // Not in the run's own folder, which only root may enter: apt's helpers read it as the user _apt.
    const fs::path file = system.runtime() / "apt.conf";
    try {
        write_file(file, content, 0644);
    } catch (const Error& problem) {
        events.warning("apt does not wait for its lock while Puppet runs: " + problem.message);
        return {};
    }
    return {{"APT_CONFIG", file.string()}};
}

}  // namespace bootwright
