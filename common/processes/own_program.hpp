#pragma once

#include <filesystem>
#include <string>

namespace bootwright {

/// The file that a process was started from. `process` is "/proc/self", or another's folder.
std::filesystem::path program_of(const std::filesystem::path& process);

/// A file that belongs to this program: beside it in a build, below /usr/lib/bootwright if installed.
std::filesystem::path belonging(const std::string& name);

/// True if an upgrade has replaced `program`: the file there is not the one that the process runs. False if there is
/// none.
bool is_replaced(const std::filesystem::path& program, const std::filesystem::path& process);

/// Replaces this process with `program`; arguments, environment and pid stay. Returns only if that fails.
void become(const std::filesystem::path& program);

}  // namespace bootwright
