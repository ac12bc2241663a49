#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bootwright {

/// What a file system has left.
struct Room {
    std::uint64_t bytes;
    std::uint64_t files;  ///< as many as there are numbers where the file system does not count them
    std::uint64_t block;  ///< bytes; each file takes whole blocks

    /// "12 MiB and 4000 files"
    [[nodiscard]] std::string shown() const;
};

/// @throws Error io.*
Room room_in(const std::filesystem::path& folder);

/// Ends a transfer that would fill the disk: 8 MiB stay free, as others live on it, too (the status, logs, Puppet).
/// @param when when that was found: "after 12 MiB of a pack"
/// @throws Error io.no_space (transient) where less is left, or no file can be made
void require_room(const std::filesystem::path& folder, std::string_view when);

/// "12 MiB"
std::string mebibytes(std::uint64_t bytes);

}  // namespace bootwright
