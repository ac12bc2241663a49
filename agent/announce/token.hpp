#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/role/keys/role_config.hpp"

#include <string>

namespace bootwright {

/// The web hook's token. Unless the image itself named its source, it must not be one of the image's own secrets or a
/// part of the agent's state, whatever path or link leads there.
/// @throws Error announce.token_refused, announce.bad_token (permanent); and as read_local_secret
std::string read_token(const System& system, const AgentConfig& config, const SecretSource& source, Speaker said_by);

/// @throws Error announce.bad_token (permanent) if `token`, which errors call `called`, is not one line of visible
/// ASCII: a line end in it would begin another header
void check_bearer(const std::string& token, const std::string& called);

}  // namespace bootwright
