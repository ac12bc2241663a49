#pragma once

#include "agent/config/system.hpp"
#include "agent/health/health_result.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/net/redactor.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

/// What a check may use for one look at the machine.
struct HealthTools {
    const System& system;
    const Redactor& secrets;    ///< of the role config
    const StageEvents& events;  ///< of the run
    std::stop_token stop;
    std::chrono::milliseconds limit;  ///< for this look

    /// Runs a program, and ends all that it has started. Good if it exits with 0; the answer holds what it said last.
    /// @throws Error process.*
    [[nodiscard]] HealthAnswer run(const std::vector<std::string>& command) const;
};

/// Makes all checks of the role config, again and again with short delays, until all are good in one round or
/// `health.timeout` is over. `heard` gets the result of each round. A bad result holds the error health.failed
/// (transient). @throws Error stopped
HealthResult check_health(const System& system, const RoleConfig& role, const StageEvents& events,
                          const std::function<void(const HealthResult& so_far)>& heard, std::stop_token stop);

}  // namespace bootwright
