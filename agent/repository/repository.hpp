#pragma once

#include "agent/config.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/role_config.hpp"
#include "agent/system.hpp"

#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

/// The repository stage: has a child of the same program bring the pinned revision to disk. The child is ended at the
/// configured timeout, and earlier when it shows no sign of life for the stall limit.
/// @param protect revisions whose checkouts are not pruned (the last good one)
/// @throws Error repository.*, io.*, process.cannot_start, stopped
Checkout prepare_checkout(const System& system, const AgentConfig& config, const RoleConfig& role,
                          const std::vector<std::string>& protect, const StageEvents& events, std::stop_token stop);

}  // namespace bootwright
