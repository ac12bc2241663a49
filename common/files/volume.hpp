#pragma once

#include "common/files/file.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The label in the boot sector of a FAT file system, "" for none. Programs that make one need not write the label into its root
/// folder, too, where udev looks for it. Reads 512 bytes, and waits for no medium. Returns nullopt if `device` holds no such
/// file system, or cannot be read. Source: Microsoft, "FAT: General Overview of On-Disk Format", boot sector.
std::optional<std::string> fat_boot_label(const std::filesystem::path& device);

/// A small volume that the platform attached, open for reading. It is mounted read-only, nodev, nosuid
/// and noexec, and nowhere in the file system: only this process sees it, and it is gone with this object, also after
/// SIGKILL (fsmount(2), Linux 5.2).
class Volume {
public:
    /// If `device` is a folder, the folder is the volume: a captured machine has no devices.
    /// @param types file systems, as mount(8) names them. The kernel's driver reads what anyone may have written: name no others
    /// @throws Error io.*, volume.unreadable (transient) if it holds none of them
    static Volume open(const std::filesystem::path& device,
                       const std::vector<const char*>& types = {"iso9660", "vfat"});

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
