#pragma once

#include "agent/config/system.hpp"
#include "agent/record/installed_packages.hpp"
#include "common/documents/json.hpp"

#include <optional>

namespace bootwright {

// Which packages were installed when a run ended. A list is kept as a whole, or as what differs from one that is kept as a
// whole: daily upgrades change few of a thousand.

/// Keeps the packages that are installed now. Returns what a run's line says of them: {"packages": {count, digest},
/// "kept": {…}}, with names in the past; null if they are not known. While dpkg has changed nothing, it only looks at two
/// files. @throws Error io.*
Json keep_packages(const System& system);

/// Those of the run of a line. Returns nullopt if they were not known, or are not kept any more.
std::optional<Packages> read_packages(const System& system, const Json& line);

}  // namespace bootwright
