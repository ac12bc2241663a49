#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "agent/servers/credentials.hpp"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace bootwright {

/// The identity that the platform gives the instance. @throws Error as Platform::identity
using IdentityFor = std::function<std::optional<CloudIdentity>(CloudService service)>;

/// A secret, in whichever place the image says, without its last line end. Call it when no transfer is under way.
/// @param errors for one that is on this machine
/// @throws Error as read_local_secret, secret_request and read_secret; server.* if the store does not answer; io.*; stopped
std::string read_secret_value(const System& system, const AgentConfig& config, const SecretSource& source,
                              const SecretFileErrors& errors, const IdentityFor& identity, std::stop_token stop);

}  // namespace bootwright
