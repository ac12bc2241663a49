#include "common/processes/process_tree.hpp"

#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <thread>

namespace bootwright {

namespace {

/// Fields 3 and on of /proc/PID/stat: the second is the name in brackets, which may hold anything. Empty if there is no
/// such process.
std::vector<std::string> stat_fields(pid_t pid) {
    const std::string stat = read_or_empty("/proc/" + std::to_string(pid) + "/stat", 4096);
    const std::size_t name_end = stat.rfind(')');
    return name_end == std::string::npos ? std::vector<std::string>{}
                                         : split(trimmed(std::string_view(stat).substr(name_end + 1)), ' ');
}

template <typename Number>
Number to_number(const std::string& text) {
    Number number{};
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

struct RunningProcess {
    ProcessId id;
    pid_t parent = 0;
};

/// Returns nullopt if it has ended: a zombie has.
std::optional<RunningProcess> find_process(pid_t pid) {
    constexpr std::size_t state_field = 0;
    constexpr std::size_t parent_field = 1;
    constexpr std::size_t start_field = 19;
    const auto fields = stat_fields(pid);
    if (fields.size() <= start_field || fields[state_field] == "Z" || fields[state_field] == "X") {
        return std::nullopt;
    }
    return RunningProcess{{pid, to_number<unsigned long long>(fields[start_field])},
                          to_number<pid_t>(fields[parent_field])};
}

std::vector<RunningProcess> all_processes() {
    std::vector<RunningProcess> processes;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const auto pid = to_number<pid_t>(entry.path().filename());
        if (const auto process = pid > 0 ? find_process(pid) : std::nullopt) {
            processes.push_back(*process);
        }
    }
    return processes;
}

}  // namespace

ProcessTree::ProcessTree(ProcessId root, const ControlGroup* group) : members_{root}, group_(group) { grow(); }

bool ProcessTree::grow() {
    const std::size_t before = members_.size();
    const auto processes = all_processes();
    const auto listed = group_ != nullptr ? group_->members() : std::vector<pid_t>{};
    const std::set<pid_t> in_group(listed.begin(), listed.end());
    std::set<pid_t> known;
    for (const ProcessId& member : members_) {
        known.insert(member.pid);
    }
    for (bool grew = true; grew;) {
        grew = false;
        for (const RunningProcess& process : processes) {
            const bool belongs = known.contains(process.parent) || in_group.contains(process.id.pid);
            if (belongs && !contains(process.id)) {
                members_.push_back(process.id);
                known.insert(process.id.pid);
                grew = true;
            }
        }
    }
    return members_.size() > before;
}

void ProcessTree::ask_to_end() {
    grow();
    signal(SIGTERM, asked_);
    signal(SIGCONT, asked_);  // a stopped process would not get it
    asked_ = members_.size();
}

void ProcessTree::signal(int number, std::size_t first) const {
    for (std::size_t i = first; i < members_.size(); ++i) {
        if (is_running(members_[i])) {
            kill(members_[i].pid, number);
        }
    }
}

bool ProcessTree::is_at_work() const { return std::any_of(members_.begin() + 1, members_.end(), is_running); }

std::size_t ProcessTree::kill_all() {
    do {
        signal(SIGSTOP);
    } while (grow());
    const auto count = std::count_if(members_.begin(), members_.end(), is_running);
    if (group_ != nullptr) {
        group_->kill();
    }
    signal(SIGKILL);
    // Longer only in the middle of a disk's I/O.
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (std::any_of(members_.begin(), members_.end(), is_running) && std::chrono::steady_clock::now() < latest) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return static_cast<std::size_t>(count);
}

bool ProcessTree::contains(const ProcessId& process) const {
    return std::any_of(members_.begin(), members_.end(), [&](const ProcessId& member) {
        return member.pid == process.pid && member.start_ticks == process.start_ticks;
    });
}

std::optional<ProcessId> identify_process(pid_t pid) {
    const auto process = pid > 0 ? find_process(pid) : std::nullopt;
    return process ? std::optional(process->id) : std::nullopt;
}

bool is_running(const ProcessId& process) {
    const auto found = identify_process(process.pid);
    return found && found->start_ticks == process.start_ticks;
}

std::size_t end_process_tree(const ProcessId& root) {
    return is_running(root) ? ProcessTree(root, nullptr).kill_all() : 0;
}

}  // namespace bootwright
