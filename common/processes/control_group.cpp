#include "common/processes/control_group.hpp"

#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

/// A group may go away while it is read (ENODEV).
std::string read(const fs::path& path) { return read_or_empty(path, std::size_t{1} << 20U); }

/// Writes into a file of the kernel's, which exists already; never makes or replaces one.
bool write_existing(const fs::path& path, const std::string& text) {
    const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    ssize_t written = -1;
    while (fd && (written = write(fd.get(), text.data(), text.size())) < 0 && errno == EINTR) {
    }
    return written == static_cast<ssize_t>(text.size());
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// The value of NAME in lines of "NAME VALUE".
std::optional<std::uint64_t> count_in(const std::string& text, std::string_view name) {
    for (const std::string& line : split(text, '\n')) {
        const std::size_t space = line.find(' ');
        if (space != std::string::npos && std::string_view(line).substr(0, space) == name) {
            return number_in<std::uint64_t>(trimmed(std::string_view(line).substr(space)));
        }
    }
    return std::nullopt;
}

std::vector<pid_t> processes_in(const fs::path& group) {
    std::vector<pid_t> processes;
    for (const std::string& line : split(read(group / "cgroup.procs"), '\n')) {
        // 0 stands for a process that this namespace cannot see.
        if (const auto process = number_in<pid_t>(trimmed(line)); process && *process > 0) {
            processes.push_back(*process);
        }
    }
    return processes;
}

/// Moves until none is left: a process that forks meanwhile leaves a new one behind.
bool move_all(const fs::path& from, const fs::path& to) {
    constexpr int most_rounds = 50;
    for (int round = 0; round < most_rounds; ++round) {
        const auto processes = processes_in(from);
        if (processes.empty()) {
            return true;
        }
        for (const pid_t process : processes) {
            enter_control_group(to, process);  // it may have ended
        }
    }
    return processes_in(from).empty();
}

bool make_group(const fs::path& folder) {
    std::error_code error;
    return fs::create_directory(folder, error) || fs::is_directory(folder, error);
}

/// systemd marks what it has delegated: with trusted.delegate, and since version 251 also with user.delegate.
bool is_delegated(const fs::path& group) {
    for (const char* name : {"trusted.delegate", "user.delegate"}) {
        std::array<char, 2> value{};
        if (getxattr(group.c_str(), name, value.data(), value.size()) == 1 && value[0] == '1') {
            return true;
        }
    }
    return false;
}

}  // namespace

std::optional<ControlGroup> ControlGroup::make(const fs::path& base, const std::string& name) {
    constexpr int most = 100;
    for (int number = 1; number <= most; ++number) {
        const fs::path folder = base / (number == 1 ? name : name + "-" + std::to_string(number));
        rmdir(folder.c_str());  // one that is empty may have limits
        std::error_code error;
        if (fs::create_directory(folder, error)) {
            return ControlGroup(base, folder);
        }
        if (error) {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

ControlGroup::~ControlGroup() {
    if (!folder_.empty()) {
        rmdir(folder_.c_str());
    }
}

bool ControlGroup::add(pid_t process) const { return enter_control_group(folder_, process); }

bool ControlGroup::limit(const std::string& file, std::uint64_t bytes) const {
    return write_existing(folder_ / file, std::to_string(bytes));
}

std::vector<pid_t> ControlGroup::members() const {
    std::vector<pid_t> found = processes_in(folder_);
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
        std::error_code unknown;
        if (entry->is_directory(unknown)) {
            const auto below = processes_in(entry->path());
            found.insert(found.end(), below.begin(), below.end());
        }
    }
    return found;
}

void ControlGroup::kill() const { write_existing(folder_ / "cgroup.kill", "1"); }

std::optional<std::uint64_t> ControlGroup::out_of_memory_kills() const {
    return count_in(read(folder_ / "memory.events"), "oom_kill");
}

void ControlGroup::let_go() const {
    const fs::path left = base_ / "left";
    if (!processes_in(folder_).empty() && make_group(left)) {
        move_all(folder_, left);
    }
}

std::optional<fs::path> control_group_mount(const std::string& mounts) {
    for (const std::string& line : split(mounts, '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() > 2 && fields[2] == "cgroup2") {
            return fields[1];
        }
    }
    return std::nullopt;
}

std::string control_group_in(const std::string& text) {
    constexpr std::string_view version_2 = "0::";
    for (const std::string& line : split(text, '\n')) {
        if (line.starts_with(version_2)) {
            return line.substr(version_2.size());
        }
    }
    return {};
}

std::optional<fs::path> delegated_control_group() {
    const auto mount = control_group_mount(read("/proc/self/mounts"));
    const std::string own = control_group_in(read("/proc/self/cgroup"));
    if (!mount || own.empty()) {
        return std::nullopt;
    }
    fs::path group = *mount / fs::path(own).relative_path();
    if (!is_delegated(group)) {
        group = group.filename() == "agent" ? group.parent_path() : fs::path();
        if (group.empty() || !is_delegated(group)) {
            return std::nullopt;
        }
    }
    if (!make_group(group / "agent") || !move_all(group, group / "agent")) {
        return std::nullopt;
    }
    // If version 1 uses the kernel's memory controller, there is none here: then nothing is limited or counted.
    write_existing(group / "cgroup.subtree_control", "+memory");
    return group;
}

bool enter_control_group(const fs::path& group, pid_t process) {
    return write_existing(group / "cgroup.procs", std::to_string(process));
}

std::optional<std::uint64_t> out_of_memory_kills_of_machine() { return count_in(read("/proc/vmstat"), "oom_kill"); }

}  // namespace bootwright
