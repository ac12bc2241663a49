#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/platform.hpp"
#include "agent/repository/repository.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/base/error.hpp"

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

/// The machine that is examined, and what it is configured to be, as far as that can be read.
struct Patient {
    const System& system;
    AgentConfig config{};                     ///< the defaults, if the image's cannot be read
    std::optional<Error> config_problem{};    ///< why not
    const Platform* platform = nullptr;       ///< null: not recognised
    std::optional<std::string> instance{};    ///< its id, as the platform says it now
    std::optional<Error> metadata_problem{};  ///< why the platform does not say it
    std::optional<RoleConfig> role{};         ///< of what the platform says now, or said when it was last accepted
    std::optional<Error> role_problem{};      ///< why there is none
};

/// Reads all that. Never throws an Error; a stop leaves the rest unknown.
Patient meet(const System& system, std::stop_token stop);

/// The repositories that the role config names.
std::vector<RepositoryPin> pins_of(const Patient& patient);

/// What each of them is asked with: the image's credentials, proxy and certificates.
/// @throws Error as fetch_request_for
FetchRequest request_for(const Patient& patient, const RepositoryPin& pin, std::stop_token stop);

/// The settings of the image's configuration for repositories, with the proxy that counts.
/// @throws Error config.invalid: of a proxy in the environment
AgentConfig::Repository repository_settings(const Patient& patient);

}  // namespace bootwright
