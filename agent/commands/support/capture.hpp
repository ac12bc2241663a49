#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"

#include <cstddef>
#include <filesystem>

namespace bootwright {

/// Writes what detection reads and the metadata service answers, without secrets, into an empty folder. Returns how many
/// answers there are. @throws Error io.*
std::size_t capture_machine(const System& system, const AgentConfig& config, const std::filesystem::path& folder);

}  // namespace bootwright
