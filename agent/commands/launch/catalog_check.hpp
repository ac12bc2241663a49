#pragma once

#include "agent/commands/facts_file.hpp"
#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

/// Somebody's working copy of a control repository, and what else a catalog is made of.
struct WorkingCopy {
    std::filesystem::path folder;                           ///< absolute
    std::map<std::string, std::filesystem::path> beside{};  ///< folders of the repositories beside it, by their names
    std::optional<MachineFacts> facts{};                    ///< nullopt: this machine's own
    std::chrono::milliseconds timeout{};                    ///< for each catalog
};

/// What came of one catalog.
struct CatalogCheck {
    std::optional<Error> error{};         ///< nullopt: it compiles
    std::uint64_t resources = 0;          ///< without classes, stages and node definitions
    std::vector<std::string> warnings{};  ///< as a run has them
    std::string digest{};                 ///< as a run has it
    std::string puppet_version{};
};

/// Compiles the role's catalog from the folder as it is, as a run would, and makes of it what Puppet would apply. Applies nothing,
/// fetches nothing, calls no Deferred function, and writes only into a temporary folder. Facts, functions and the extensions of
/// modules are programs, and run with the caller's rights. @throws Error io.*, stopped
CatalogCheck check_catalog(const System& system, const AgentConfig& image, const RoleConfig& role,
                           const WorkingCopy& copy, std::stop_token stop);

/// The captured facts, with what this role config says in their place.
Json facts_for(const MachineFacts& captured, const AgentConfig& image, const RoleConfig& role);

/// {good, resources, warnings, digest, puppet_version, error: {kind, code, message, advice} or null}
Json to_json(const CatalogCheck& check);

}  // namespace bootwright
