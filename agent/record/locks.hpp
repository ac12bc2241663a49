#pragma once

#include "agent/config/system.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What keeps runs from beginning: a lock that an operator has set (/var/lib/bootwright/locks.json, 0600), or Puppet's own
/// agent_disabled.lock. docs/commands.md says what that means, docs/decisions/0023-locks.md why.
struct Lock {
    std::string name;
    std::string reason{};
    std::string by{};                                 ///< who set it, as the session says; "": not known
    std::string since{};                              ///< by the wall clock of then; "": not known
    std::optional<std::chrono::milliseconds> left{};  ///< until it ends by itself; nullopt: it does not
    std::string file{};                               ///< Puppet's own lock; "": one of ours
};

/// The name that Puppet's own lock goes by.
inline constexpr const char* puppets_lock = "puppet";

/// Those that hold now. An expired lock does not, nor does one that came with a disk from another machine.
/// @throws Error lock.unreadable (permanent): what cannot be understood must not pass for no lock; io.*
std::vector<Lock> held_locks(const System& system);

/// Sets a lock of ours. @param lasts nullopt: until it is removed
/// @throws Error lock.exists, lock.too_many, lock.unreadable (permanent), io.*
void set_lock(const System& system, const Lock& lock, std::optional<std::chrono::milliseconds> lasts);

/// Removes a lock of ours. @throws Error lock.not_held, lock.unreadable (permanent), io.*
void remove_lock(const System& system, const std::string& name);

/// lock.held (stopped): names each lock, with its reason, and what ends it.
Error lock_held(const std::vector<Lock>& locks, const Instant& now);

/// For people, in one line: who, since when, until when, why.
std::string described(const Lock& lock, const Instant& now);

/// As the status has it: docs/status.md.
Json to_json(const Lock& lock, const Instant& now);

/// Puts them into the status, for whoever may not read the file. A status that cannot be written is logged.
void show_locks(const System& system, const std::vector<Lock>& locks);

}  // namespace bootwright
