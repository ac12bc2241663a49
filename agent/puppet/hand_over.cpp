#include "agent/puppet/hand_over.hpp"

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "common/processes/control_group.hpp"
#include "common/processes/process_tree.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

fs::path note(const System& system) { return system.runtime() / "handed_over.json"; }

/// A process may end while it is read.
std::string read(const fs::path& path) { return read_or_empty(path, std::size_t{1} << 20U); }

/// "bootwright.service", from this process's group; "" outside a service.
std::string own_unit() {
    for (const fs::path& part : fs::path(control_group_in(read("/proc/self/cgroup")))) {
        if (part.extension() == ".service") {
            return part;
        }
    }
    return {};
}

bool is_systemctl_for(const ProcessId& process, const std::string& unit) {
    const auto words = split(read("/proc/" + std::to_string(process.pid) + "/cmdline"), '\0');
    const auto has = [&](auto is_it) { return std::any_of(words.begin(), words.end(), is_it); };
    return fs::path(words.front()).filename() == "systemctl" &&
           has([&](const std::string& word) { return word == unit || word + ".service" == unit; }) &&
           has([](const std::string& word) { return word == "stop" || word.find("restart") != std::string::npos; });
}

void write_note(const System& system, const HandedOver& puppet) {
    const Json json{{"run", puppet.run},
                    {"pid", puppet.keeper.pid},
                    {"pid_start", puppet.keeper.start_ticks},
                    {"deadline_ms", puppet.deadline.count()}};
    write_file(note(system), to_text(json), 0600);
}

/// Moves Puppet with all that it starts meanwhile.
void move_all(const ProcessId& keeper, const fs::path& group) {
    ProcessTree tree(keeper, nullptr);
    do {
        for (const ProcessId& member : tree.members()) {
            enter_control_group(group, member.pid);
        }
    } while (tree.grow());
}

}  // namespace

bool asks_to_stop_this_service(const std::vector<ProcessId>& processes) {
    const std::string unit = own_unit();
    return !unit.empty() && std::any_of(processes.begin(), processes.end(),
                                        [&](const ProcessId& process) { return is_systemctl_for(process, unit); });
}

bool hand_over(const System& system, const HandedOver& puppet) {
    const std::string name = "bootwright-run-" + std::to_string(puppet.run);
    const auto left = std::chrono::ceil<std::chrono::seconds>(puppet.deadline - system.clock.now().since_boot);
    const auto mount = control_group_mount(read("/proc/self/mounts"));
    if (!mount || left.count() <= 0) {
        return false;
    }
    // systemd makes a scope only around a process, and keeps it while anything lives in it: this process says where it
    // is, and waits until Puppet has been moved in.
    const ProcessRequest request{
        .arguments = {"/usr/bin/systemd-run", "--scope", "--quiet", "--collect", "--unit=" + name,
                      "--slice=system.slice",
                      "--description=Puppet of run " + std::to_string(puppet.run) + " of bootwright",
                      "--property=RuntimeMaxSec=" + std::to_string(left.count()), "/usr/bin/tail", "--follow",
                      "/proc/self/cgroup"},
        .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}},
        .timeout = std::chrono::seconds(10),
        .grace = std::chrono::milliseconds(500)};
    bool is_moved = false;
    std::stop_source done;
    // The note comes first: without it the next agent would begin a second Puppet beside this one.
    const auto move = [&](std::string_view line) {
        const std::string group = control_group_in(std::string(line));
        if (!is_moved && group.ends_with("/" + name + ".scope")) {
            write_note(system, puppet);
            move_all(puppet.keeper, *mount / fs::path(group).relative_path());
            is_moved = true;
            done.request_stop();
        }
    };
    try {
        system.processes.run(request, {.line = move}, done.get_token());
    } catch (const Error& error) {
        log(LogLevel::warning, "Puppet cannot outlive this service: " + error.message);
    }
    if (is_moved) {
        log(LogLevel::info, "Puppet itself stops or restarts this service: it goes on in " + name + ".scope");
    }
    return is_moved;
}

std::optional<HandedOver> find_handed_over(const System& system) {
    const auto text = read_file_if_exists(note(system), 65536);
    if (!text) {
        return std::nullopt;
    }
    const Json json = parse_json(*text);
    const HandedOver puppet{.run = static_cast<int>(number_at(json, "run")),
                            .keeper = {static_cast<pid_t>(number_at(json, "pid")), number_at(json, "pid_start")},
                            .deadline = std::chrono::milliseconds(number_at(json, "deadline_ms"))};
    if (is_running(puppet.keeper)) {
        return puppet;
    }
    remove_tree(note(system));
    return std::nullopt;
}

void end_waiting_systemctl(const HandedOver& puppet) {
    const std::string unit = own_unit();
    const ProcessTree tree(puppet.keeper, nullptr);
    for (const ProcessId& member : tree.members()) {
        if (!unit.empty() && is_systemctl_for(member, unit)) {
            kill(member.pid, SIGTERM);
        }
    }
}

}  // namespace bootwright
