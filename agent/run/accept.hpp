#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/record/history.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/documents/json.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

/// What a run uses. A role config is accepted once what it pins is on this machine.
struct Accepted {
    InstanceMetadata instance;
    RoleConfig role;
    Checkout checkout;
    std::string configuration{};  ///< the revision of the second repository, if there is one
    Revisions repositories{};     ///< of those beside the control repository
};

/// What to come back to, if `run` turns out good.
LastGood as_last_good(const Accepted& accepted, int run);

/// Sets the links under which the catalog finds the other repositories at these revisions: `configuration/current`, and
/// `repositories/NAME/current`. @throws Error io.*
void use_repositories(const System& system, const std::string& configuration, const Revisions& repositories);

/// Sets these links for an accepted role config, and puts them back as they were at its end.
class RepositoriesLent {
public:
    /// @throws Error io.*
    RepositoriesLent(const System& system, const Accepted& accepted);
    RepositoriesLent(const RepositoriesLent&) = delete;
    RepositoriesLent& operator=(const RepositoriesLent&) = delete;
    /// Where that fails, the log says so; the next run sets them anyway.
    ~RepositoriesLent();

private:
    const System& system_;
    std::string configuration_;
    Revisions repositories_;
};

/// Removes the checkouts of repositories that a good run no longer uses. What only they needed goes with the next fetch.
/// @throws Error io.*
void remove_unused(const System& system, const Revisions& repositories);

/// What the run's record has to say of a checkout.
std::vector<std::string> warnings_of(const AgentConfig& config, const Checkout& checkout);

/// The role config in the second repository. @throws Error role.no_configuration_file (permanent), role.invalid, io.*
JsonDocument configuration_file(const RoleConfig::Configuration& wanted, const Checkout& checkout);

/// Reads the role config, a part of which may be in the second repository, and fetches what it pins.
template <typename Read, typename Fetch>
Accepted assemble(const InstanceMetadata& instance, Read read, Fetch fetch) {
    RoleConfig role = read(std::nullopt);
    std::string configuration;
    if (!role.configuration.url.empty()) {
        const Checkout second = fetch(role.configuration);
        configuration = second.revision;
        if (!role.configuration.path.empty()) {
            role = read(configuration_file(role.configuration, second));
        }
    }
    Revisions repositories;
    for (const RoleConfig::Beside& each : role.repositories) {
        repositories[each.name] = fetch(each).revision;
    }
    Checkout checkout = fetch(role.repository);
    return {instance, std::move(role), std::move(checkout), std::move(configuration), std::move(repositories)};
}

}  // namespace bootwright
