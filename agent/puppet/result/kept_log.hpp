#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace bootwright {

/// The lines of Puppet's log that may be a warning or worse, from all of the file: what ends a run stands at the end of a log
/// that may be large. At most `most` bytes. Returns "" if there is no log that can be opened.
/// @throws Error io.*
std::string lines_of_note(const std::filesystem::path& log, std::size_t most);

/// Replaces a log of more than 1 MiB by `compressed` (gzip): a program's output takes eight times its own size as Puppet logs
/// it, and a thirtieth of that compressed. @throws Error io.*, and then the log stays as it was
void compress_log(const std::filesystem::path& log, const std::filesystem::path& compressed);

}  // namespace bootwright
