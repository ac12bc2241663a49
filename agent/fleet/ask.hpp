#pragma once

#include "agent/config/system.hpp"
#include "agent/fleet/machine.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

struct Asking {
    std::size_t jobs = 64;                     ///< machines asked at once
    std::chrono::milliseconds timeout{20000};  ///< for each, from the start of ssh to its end
};

/// Asks each machine for its status, over the operator's own ssh: its configuration, keys and agent. ssh asks nothing back.
/// Returns the machines in the order of `hosts`.
/// @param asked called after each with how many have been asked; one call at a time, on any thread
/// @throws Error fleet.no_ssh (permanent), stopped
std::vector<Machine> ask_machines(const System& system, const std::vector<std::string>& hosts, const Asking& asking,
                                  const std::function<void(std::size_t done)>& asked, const std::stop_token& stop);

}  // namespace bootwright
