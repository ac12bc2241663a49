#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "common/net/redactor.hpp"

namespace bootwright {

/// The secrets that this machine knows. What leaves it for a bug report is made without them already; this holds if it is not.
Redactor known_secrets(const System& system, const AgentConfig& config);

}  // namespace bootwright
