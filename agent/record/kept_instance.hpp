#pragma once

#include "agent/config/system.hpp"
#include "agent/platform/instance_metadata.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// The instance that the state on this disk belongs to, with the metadata whose role config was accepted last:
/// /var/lib/bootwright/instance.json (0600: user-data may hold secrets).
struct KeptInstance {
    InstanceMetadata metadata;
    std::string accepted{};  ///< when, by the wall clock: "2026-11-23T10:00:00.000Z"
    std::string boot_id{};   ///< the boot in which it was kept
    std::string hardware{};  ///< what the firmware calls this machine; "" if that proves nothing
};

/// What the firmware calls this machine; "" in a container, which sees that of its host, and where the firmware says nothing.
std::string hardware_name(const System& system);

/// Returns nullopt if there is none, or if it cannot be understood. @throws Error io.*
std::optional<KeptInstance> read_kept_instance(const System& system);

/// @throws Error io.*
void keep_instance(const System& system, const InstanceMetadata& metadata);

/// True if it is proven without the metadata service that this machine is the kept one: it has not rebooted since, or the
/// firmware gives it the same name. A disk that was copied to another machine fails both.
bool is_this_machine(const System& system, const KeptInstance& kept);

/// Removes what belongs to the instance that this disk was copied from: history, the last good run, Puppet's own state. The
/// repositories and checkouts stay: they are proven by their hashes. @throws Error io.*
void forget_kept_instance(const System& system);

}  // namespace bootwright
