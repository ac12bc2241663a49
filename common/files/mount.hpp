#pragma once

#include <filesystem>
#include <optional>

namespace bootwright {

/// Where the file system with `folder` is mounted, if nothing on it can be executed (noexec, mount(8)). If it lies on
/// several such mounts in each other, of the same file system, the outermost one. Returns nullopt also if the folder
/// cannot be asked for.
std::optional<std::filesystem::path> noexec_mount_of(const std::filesystem::path& folder);

}  // namespace bootwright
