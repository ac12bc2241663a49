#pragma once

#include <filesystem>

namespace bootwright {

/// The file that a process was started from. `process` is "/proc/self", or another's folder.
std::filesystem::path program_of(const std::filesystem::path& process);

/// True if there is another file at `program` now than the one that the process runs: an upgrade has replaced it. Not where
/// there is none.
bool is_replaced(const std::filesystem::path& program, const std::filesystem::path& process);

/// This process becomes `program`, with its own arguments and environment; its pid stays. Returns only where that fails.
void become(const std::filesystem::path& program);

}  // namespace bootwright
