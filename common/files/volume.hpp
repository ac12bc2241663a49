#pragma once

#include "common/files/file.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace bootwright {

/// A small volume (iso9660 or vfat) that the platform attached, open for reading. It is mounted read-only, nodev, nosuid
/// and noexec, and nowhere in the file system: only this process sees it, and it is gone with this object, also after
/// SIGKILL (fsmount(2), Linux 5.2).
class Volume {
public:
    /// If `device` is a folder, the folder is the volume: a captured machine has no devices.
    /// @throws Error io.*, volume.unreadable (transient) if it holds neither file system
    static Volume open(const std::filesystem::path& device);

    /// A file in the volume ("openstack/latest/user_data"). No link is followed: it could lead to a file of this machine
    /// (openat2(2), Linux 5.6).
    /// @throws Error io.*, volume.unreadable (transient) if it is no regular file
    [[nodiscard]] std::optional<std::string> read_file_if_exists(const std::string& name, std::size_t cap) const;

private:
    Volume(std::filesystem::path device, UniqueFd root) : device_(std::move(device)), root_(std::move(root)) {}
    std::filesystem::path device_;
    UniqueFd root_;
};

}  // namespace bootwright
