#include "agent/run/pins.hpp"

#include <string>

namespace bootwright {

namespace {

/// @param good its revision in the last good run, or ""
template <typename Wanted>
RepositoryPin pin(const Wanted& wanted, const std::string& checkouts, const std::string& good) {
    return {wanted.url, wanted.mirrors, wanted.revision, checkouts, {good}};
}

}  // namespace

RepositoryPin pin_of(const RoleConfig::Repository& wanted, const std::optional<LastGood>& last_good) {
    return pin(wanted, "checkout", last_good ? last_good->revision : "");
}

RepositoryPin pin_of(const RoleConfig::Configuration& wanted, const std::optional<LastGood>& last_good) {
    return pin(wanted, "configuration", last_good ? last_good->configuration : "");
}

RepositoryPin pin_of(const RoleConfig::Beside& wanted, const std::optional<LastGood>& last_good) {
    const bool is_known = last_good && last_good->repositories.contains(wanted.name);
    return pin(wanted, "repositories/" + wanted.name, is_known ? last_good->repositories.at(wanted.name) : "");
}

}  // namespace bootwright
