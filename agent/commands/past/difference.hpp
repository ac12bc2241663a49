#pragma once

#include "agent/config/system.hpp"
#include "agent/record/catalog_difference.hpp"
#include "agent/record/package_changes.hpp"
#include "agent/repository/between_request.hpp"
#include "common/documents/json.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What lies between two runs.
struct Difference {
    Json from;  ///< the lines of the two runs
    Json to;
    std::optional<Between> between{};  ///< of their revisions; nullopt: they are the same, or one is not known
    std::vector<ValueChange> role_config{};
    std::vector<ValueChange> facts{};
    std::optional<std::vector<PackageChange>> packages{};
    std::vector<ResourceChange> resources{};
    std::size_t ignored = 0;             ///< resources, and parameters of others
    std::vector<std::string> unknown{};  ///< what cannot be compared, and why
};

/// Compares what is kept of the two runs. @param asks as between_revisions() @throws Error stopped
Difference compare(const System& system, Json from, Json to, bool asks);

/// True if the two catalogs are known to have the same in them.
bool has_same_resources(const Difference& difference);

/// What programs read (docs/history.md).
Json to_json(const Difference& difference);

/// What people read. @param is_short only how much it is
void print(const Difference& difference, bool is_short);

}  // namespace bootwright
