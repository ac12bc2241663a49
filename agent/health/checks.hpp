#pragma once

#include "agent/config/system.hpp"
#include "agent/health/health_result.hpp"
#include "agent/role/role_config.hpp"

#include <functional>
#include <stop_token>

namespace bootwright {

/// Makes all checks of the role config, again and again with short delays, until all are good in one round or `health.timeout`
/// is over. `heard` is told what each round came to. A bad result holds the error health.failed (transient). @throws Error
/// stopped
HealthResult check_health(const System& system, const RoleConfig& role, const StageEvents& events,
                          const std::function<void(const HealthResult& so_far)>& heard, std::stop_token stop);

}  // namespace bootwright
