#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bootwright {

/// What a file system has left.
struct Room {
    std::uint64_t bytes;
    std::uint64_t files;  ///< the largest number if the file system does not count them
    std::uint64_t block;  ///< bytes; each file takes whole blocks

    /// "12 MiB and 4000 files"
    [[nodiscard]] std::string shown() const;
};

/// @throws Error io.*
Room room_in(const std::filesystem::path& folder);

/// Ends a transfer that would fill the disk: 8 MiB stay free for others that use it (the status, logs, Puppet).
/// @param when for the error: "after 12 MiB of a pack"
/// @throws Error io.no_space (transient) if less is left, or if no file can be made
void require_room(const std::filesystem::path& folder, std::string_view when);

/// "12 MiB"
std::string mebibytes(std::uint64_t bytes);

}  // namespace bootwright
