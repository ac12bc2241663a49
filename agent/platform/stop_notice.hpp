#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/platform.hpp"

#include <stop_token>

namespace bootwright {

/// Throws if the platform says that the instance is about to be stopped: it is better not to begin what would be cut
/// off. No answer within two seconds counts as no notice.
/// @throws Error platform.going_away, of the kind stopped, with the time after which to look again; stopped
void check_not_going_away(const Platform& platform, const System& system, const AgentConfig& config,
                          std::stop_token stop);

}  // namespace bootwright
