#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/platform.hpp"

#include <stop_token>

namespace bootwright {

/// Asks for a notice that the instance is about to be stopped: what would be cut off is better not begun. A question that is
/// not answered within two seconds is no notice.
/// @throws Error platform.going_away, of the kind stopped, with the time after which to look again; stopped
void check_not_going_away(const Platform& platform, const System& system, const AgentConfig& config,
                          std::stop_token stop);

}  // namespace bootwright
