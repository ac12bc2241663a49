#pragma once

#include "agent/config.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/puppet/puppet_result.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/role_config.hpp"
#include "agent/system.hpp"
#include "common/process.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

namespace bootwright {

struct PuppetEvents {
    std::function<void(std::string_view what, std::uint64_t done, std::uint64_t total)> progress;
    std::function<void(ProcessId child)> child_started;
};

/// The puppet stage: applies the checkout, hermetically, and says what came of it. What Puppet itself did wrong is in the
/// result, not thrown.
/// @param run_folder exists; holds what Puppet reads and writes for this run
/// @throws Error puppet.not_installed, puppet.disabled (permanent); io.*; process.cannot_start
PuppetResult apply_puppet(const System& system, const AgentConfig& config, const InstanceMetadata& instance,
                          const RoleConfig& role, const Checkout& checkout, const std::filesystem::path& run_folder,
                          const PuppetEvents& events, std::stop_token stop);

}  // namespace bootwright
