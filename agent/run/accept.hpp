#pragma once

#include "agent/platform/instance_metadata.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/documents/json.hpp"

#include <optional>
#include <string>
#include <utility>

namespace bootwright {

/// What a run uses. A role config is accepted once what it pins is on this machine.
struct Accepted {
    InstanceMetadata instance;
    RoleConfig role;
    Checkout checkout;
    std::string configuration{};  ///< the revision of the second repository, if there is one
};

/// The role config in the second repository. @throws Error role.no_configuration_file (permanent), role.invalid, io.*
JsonDocument configuration_file(const RoleConfig::Configuration& wanted, const Checkout& checkout);

/// Reads the role config, a part of which may be in the second repository, and fetches what it pins.
template <typename Read, typename FetchSecond, typename FetchFirst>
Accepted assemble(const InstanceMetadata& instance, Read read, FetchSecond fetch_second, FetchFirst fetch_first) {
    RoleConfig role = read(std::nullopt);
    std::string configuration;
    if (!role.configuration.url.empty()) {
        const Checkout second = fetch_second(role.configuration);
        configuration = second.revision;
        if (!role.configuration.path.empty()) {
            role = read(configuration_file(role.configuration, second));
        }
    }
    Checkout checkout = fetch_first(role.repository);
    return {instance, std::move(role), std::move(checkout), std::move(configuration)};
}

}  // namespace bootwright
