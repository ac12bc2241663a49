#pragma once

#include "agent/record/history.hpp"
#include "agent/repository/repository.hpp"
#include "agent/role/keys/role_config.hpp"

#include <optional>

namespace bootwright {

// Each kind of repository that a role config names has its own folder of checkouts.

/// What the role config wants. The revision of the last good run is protected from pruning.
RepositoryPin pin_of(const RoleConfig::Repository& wanted, const std::optional<LastGood>& last_good);
RepositoryPin pin_of(const RoleConfig::Configuration& wanted, const std::optional<LastGood>& last_good);
RepositoryPin pin_of(const RoleConfig::Beside& wanted, const std::optional<LastGood>& last_good);

/// The same at the revision of the last good run.
template <typename Wanted>
RepositoryPin pin_of_last_good(const Wanted& wanted, const LastGood& last_good) {
    RepositoryPin pin = pin_of(wanted, last_good);
    pin.revision = pin.protect.front();
    return pin;
}

}  // namespace bootwright
