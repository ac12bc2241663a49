#pragma once

#include "agent/config/system.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace bootwright {

/// A Puppet that outlives the agent that started it, because it has asked systemd to stop or restart that agent
/// (docs/decisions/0013-control-groups.md).
struct HandedOver {
    int run = 0;
    ProcessId keeper{};                     ///< the process above all of it
    std::chrono::milliseconds deadline{0};  ///< since boot
};

/// True if one of the processes is a systemctl that stops or restarts this service, and so waits for it.
bool asks_to_stop_this_service(const std::vector<ProcessId>& processes);

/// Moves the Puppet out of the service into a scope of its own, which systemd ends at the deadline, and notes it for
/// the next agent. Returns false if that fails; then Puppet must end with the service.
bool hand_over(const System& system, const HandedOver& puppet);

/// The Puppet that an earlier agent of this boot left. Returns nullopt once it has ended.
std::optional<HandedOver> find_handed_over(const System& system);

/// Ends the systemctl in `puppet` that waits until this service is READY. On an instance that is not configured yet it
/// would wait for ever, since the run that configures it waits for this very Puppet.
void end_waiting_systemctl(const HandedOver& puppet);

}  // namespace bootwright
