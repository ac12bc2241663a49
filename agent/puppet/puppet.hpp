#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/puppet/result/puppet_result.hpp"
#include "agent/puppet/warm.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"
#include "agent/servers/secrets/secret_value.hpp"

#include <filesystem>
#include <stop_token>
#include <string>

namespace bootwright {

/// The puppet stage: applies the checkout hermetically. What Puppet itself did wrong is in the result, not thrown.
/// @param run_folder exists; holds what Puppet reads and writes for this run
/// @param tries_out of a role config with noop: nothing is applied, not even what says `noop => false`; the result lists
/// what would change
/// @throws Error puppet.not_installed, puppet.no_environment, puppet.certname (permanent); as EyamlKeys; puppet.package_lock,
/// puppet.dpkg_interrupted (transient); io.*; process.cannot_start; stopped
PuppetResult apply_puppet(const System& system, const AgentConfig& config, const InstanceMetadata& instance,
                          const RoleConfig& role, const Checkout& checkout, const std::filesystem::path& run_folder,
                          bool tries_out, WarmPuppet& warm, const IdentityFor& identity, const StageEvents& events,
                          std::stop_token stop);

}  // namespace bootwright
