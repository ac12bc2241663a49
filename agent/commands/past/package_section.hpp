#pragma once

#include "agent/config/system.hpp"
#include "agent/record/package_changes.hpp"
#include "common/documents/json.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

// What `bootwright diff` says of packages.

/// By the lines of two runs. Returns nullopt and adds to `unknown` of which run they are not known, and why, if they cannot
/// be compared.
std::optional<std::vector<PackageChange>> compare_packages(const System& system, const Json& from, const Json& to,
                                                           std::vector<std::string>& unknown);

/// A list of {package, change, before, after}.
Json to_json(const std::vector<PackageChange>& changes);

/// How many, and, unless `is_short`, which.
void print_packages(const std::vector<PackageChange>& changes, bool is_short);

}  // namespace bootwright
