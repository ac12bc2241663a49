#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"

#include <map>
#include <stop_token>
#include <string>

namespace bootwright {

/// Makes dpkg and apt ready for Puppet: waits until no other program holds their locks, and completes what an
/// interrupted dpkg left. With `noop` it only warns about an interrupted dpkg. Does nothing if there is no dpkg.
/// @throws Error puppet.package_lock, puppet.dpkg_interrupted (transient); process.cannot_start; stopped
void prepare_package_manager(const System& system, const AgentConfig& config, bool noop, const StageEvents& events,
                             const std::stop_token& stop);

/// The variables that make apt wait for dpkg's lock, if it is taken while Puppet runs. Writes the file that they name;
/// if that fails, a warning says so, and apt does not wait.
std::map<std::string, std::string> apt_variables(const System& system, const StageEvents& events);

}  // namespace bootwright
