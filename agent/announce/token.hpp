#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/role/role_config.hpp"

#include <string>

namespace bootwright {

/// The token with which a web hook is convinced. Where not the image itself has named its place, it is none of the image's own
/// secrets and nothing of the agent's state, by whatever path or link it is reached.
/// @throws Error announce.token_refused, announce.bad_token (permanent); and as read_local_secret
std::string read_token(const System& system, const AgentConfig& config, const SecretSource& source, Speaker said_by);

/// @throws Error announce.bad_token (permanent) where `token`, which errors call `called`, is not one line of visible ASCII: a
/// line's end in it would begin another header
void check_bearer(const std::string& token, const std::string& called);

}  // namespace bootwright
