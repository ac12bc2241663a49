#pragma once

#include "agent/config/system.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// A revision that failed on this machine with this role config and these facts. It is remembered over restarts, so
/// that what is known to fail is not applied again and again.
struct BadRevision {
    std::string inputs;           ///< as inputs_of() makes them
    std::string revision;         ///< of the control repository
    std::string configuration{};  ///< of the second repository, if there is one
    int failures = 0;             ///< attempts that failed
    bool is_given_up = false;     ///< the agent does not try it again by itself
    int run = 0;                  ///< the last one that tried
    std::string at{};             ///< when that was, by the wall clock
    Error error;                  ///< why it failed
};

/// True if the revision caused the error, and not a full disk or a signal.
bool is_fault_of_revision(const Error& error);

/// puppet.given_up (permanent): why it failed, and what makes the agent try it again.
Error given_up(const BadRevision& bad);

/// A name, of 16 hex digits, for all that an apply depends on, as far as it is known before Puppet runs: revisions,
/// role config, metadata, the system's release and kernel, the image's external facts, the agent itself, and the boot.
std::string inputs_of(const System& system, const InstanceMetadata& instance, const RoleConfig& role,
                      const std::string& revision, const std::string& configuration, const Revisions& repositories);

/// What is remembered of these inputs. A damaged or unreadable memory counts as none.
std::optional<BadRevision> find_bad_revision(const System& system, const std::string& inputs);

/// Remembers it instead of what was known of the same inputs: /var/lib/bootwright/bad_revisions.json (0600), the newest
/// twenty. @throws Error io.*
void remember_bad_revision(const System& system, const BadRevision& bad);

/// Forgets what is known of these inputs, since they succeeded. @throws Error io.*
void forget_bad_revision(const System& system, const std::string& inputs);

/// For the status: without `inputs`, which mean nothing to people.
Json to_json(const BadRevision& bad);

}  // namespace bootwright
