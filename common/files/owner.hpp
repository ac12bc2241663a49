#pragma once

#include <filesystem>

namespace bootwright {

/// True if nobody but root, or whoever this process runs as, can change what is read at `path` below `root`: the file and
/// each folder on the way belong to root, are no symbolic links, and may be written by nobody else. Ask before reading: from
/// then on only root can change the answer.
bool is_roots_alone(const std::filesystem::path& root, const std::filesystem::path& path);

}  // namespace bootwright
