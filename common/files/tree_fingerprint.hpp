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

/// What one entry adds to the fingerprint. The order does not matter: a file system may list a folder in another order.
/// @param path relative to the folder, beginning with a slash
std::uint64_t fingerprint_of(const std::string& path, const struct stat& status);

}  // namespace bootwright
