#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/puppet/invocation.hpp"
#include "agent/puppet/result/puppet_result.hpp"
#include "agent/puppet/result/reading.hpp"
#include "agent/puppet/warm.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"
#include "agent/servers/secrets/secret_value.hpp"

#include <filesystem>
#include <stop_token>
#include <string_view>

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

// The steps of it, for whoever has Puppet do less (`bootwright validate`).

/// Begins the folders anew: what an earlier attempt of the same run left must not be read as this one's.
/// @param eyaml as EyamlKeys::options() @throws Error puppet.no_environment, puppet.hiera_config (permanent); io.*
void prepare_puppet(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& config,
                    const InstanceMetadata& instance, const RoleConfig& role, const Checkout& checkout,
                    const Json& eyaml);

/// Keeps a line of Puppet's output besides its log: the beginning, as the reason comes first, a backtrace after it.
void keep_output(PuppetTraces& traces, std::string_view line);

/// Reads what Puppet has left, and closes it: its own modes let others read it. @throws Error io.*
void take_traces(PuppetTraces& traces, const PuppetFiles& files);

}  // namespace bootwright
