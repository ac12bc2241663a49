#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace bootwright {

/// A number that changes whenever a file or folder below `folder` is changed, replaced, added or removed. It covers each one's
/// name, inode, size, mode, owner and time of change, which nobody can set back. `folder` itself does not count.
/// @throws Error io.* (transient)
std::uint64_t tree_fingerprint(const std::filesystem::path& folder);

/// What an entry adds to it: a file system need not list a folder in the same order twice.
/// @param path from the folder, with a slash at its begin
std::uint64_t fingerprint_of(const std::string& path, const struct stat& status);

}  // namespace bootwright
