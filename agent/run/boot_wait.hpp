#pragma once

#include "agent/config/system.hpp"
#include "common/base/error.hpp"

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

namespace bootwright {

/// True if this machine's clock has been set by a program that asks time servers.
bool is_clock_set(const System& system);

/// True if this machine has an address from which more than its own link is reached. A kernel that does not say is not
/// doubted.
bool has_network(const System& system);

/// What an instance may still lack early in its boot, and without which no server can help it.
struct Lack {
    enum class Of { clock, network } of = Of::network;
    std::string what{};                   ///< for people: "the network: …"
    std::chrono::milliseconds longest{};  ///< the longest wait that is worth it
};

/// What this machine lacks, if that explains the error: a clock that is set, if a server was not trusted for the dates of its
/// certificate; an address, if a server could not be reached. Returns nullopt if it lacks neither, or does not know.
std::optional<Lack> lack_behind(const System& system, const Error& error);

/// Waits until the machine has it, or for `lack.longest`. Returns whether it has it. @throws Error stopped
bool wait_for(const System& system, const Lack& lack, const StageEvents& events, const std::stop_token& stop);

/// Waits until systemd has started what this boot starts, but for what waits for this service; no longer than half a minute. A
/// service that Puppet finds not yet started it would start itself, and call that a change. @throws Error stopped
void wait_for_boot_units(const System& system, const StageEvents& events, const std::stop_token& stop);

}  // namespace bootwright
