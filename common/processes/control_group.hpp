#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

/// A control group of version 2 that holds one child and all that it starts, whatever sessions they make
/// (docs/decisions/0013-control-groups.md). Files and rules: the kernel's Documentation/admin-guide/cgroup-v2.rst.
class ControlGroup {
public:
    /// Makes NAME in `base`, or NAME-2 and so on if something still lives in it. Returns nullopt if the kernel refuses.
    static std::optional<ControlGroup> make(const std::filesystem::path& base, const std::string& name);

    ControlGroup(ControlGroup&& other) noexcept { *this = std::move(other); }
    ControlGroup& operator=(ControlGroup&& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(folder_, other.folder_);
        return *this;
    }
    ControlGroup(const ControlGroup&) = delete;
    ControlGroup& operator=(const ControlGroup&) = delete;
    /// Removes it, if nothing lives in it.
    ~ControlGroup();

    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

    /// Moves a process into it. False if the kernel refuses.
    [[nodiscard]] bool add(pid_t process) const;

    /// Writes a limit such as memory.max. False if the kernel does not know it, or refuses.
    [[nodiscard]] bool limit(const std::string& file, std::uint64_t bytes) const;

    /// All processes in it, and in the groups below it.
    [[nodiscard]] std::vector<pid_t> members() const;

    /// Kills all of them in one step. Does nothing if the kernel cannot (before Linux 5.14).
    void kill() const;

    /// How many of its processes the kernel has killed for want of memory. Returns nullopt if that is not counted.
    [[nodiscard]] std::optional<std::uint64_t> out_of_memory_kills() const;

    /// Moves what still lives in it to the group `left` beside it, which has no limits.
    void let_go() const;

private:
    ControlGroup(std::filesystem::path base, std::filesystem::path folder)
        : base_(std::move(base)), folder_(std::move(folder)) {}
    std::filesystem::path base_;
    std::filesystem::path folder_;
};

/// The folder where version 2 is mounted, from the text of /proc/self/mounts. Returns nullopt if it is not.
std::optional<std::filesystem::path> control_group_mount(const std::string& mounts);

/// The group of a process, from the text of its /proc/PID/cgroup: "/system.slice/x.service"; "" if it names none.
std::string control_group_in(const std::string& text);

/// The group that systemd delegates to this service (Delegate=yes): only there may others be made. Moves this process
/// into a group `agent` below it, since a group with processes of its own cannot limit those below. Returns nullopt if
/// there is none: by hand, in many containers, with version 1.
std::optional<std::filesystem::path> delegated_control_group();

/// Moves a process into a group that systemd has made. False if the kernel refuses.
bool enter_control_group(const std::filesystem::path& group, pid_t process);

/// How many processes the kernel has killed for want of memory on the whole machine since it started. Returns nullopt before
/// Linux 4.13, which did not count them.
std::optional<std::uint64_t> out_of_memory_kills_of_machine();

}  // namespace bootwright
