#pragma once

#include "agent/config/system.hpp"
#include "common/documents/json.hpp"

namespace bootwright {

/// The run that a living process has under way, as the status has it; null: there is none.
Json run_under_way(const System& system);

}  // namespace bootwright
