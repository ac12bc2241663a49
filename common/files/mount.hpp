#pragma once

#include <filesystem>
#include <optional>
#include <vector>

namespace bootwright {

/// Where the file system with `folder` is mounted, if nothing on it can be executed (noexec, mount(8)). If it lies on
/// several such mounts in each other, of the same file system, the outermost one. Returns nullopt also if the folder
/// cannot be asked for.
std::optional<std::filesystem::path> noexec_mount_of(const std::filesystem::path& folder);

/// Where the file systems of disks are mounted, each at one place of several; first "/", whatever it lies on. Not those of a
/// network, whose server may be gone, nor those of programs (fuse), which any user may start and which may call them what they like.
/// @param mounts "/proc/self/mounts" (proc_mounts(5)); if it cannot be read, there is only "/"
std::vector<std::filesystem::path> disk_mounts(const std::filesystem::path& mounts);

}  // namespace bootwright
