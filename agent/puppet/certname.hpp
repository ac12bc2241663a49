#pragma once

#include "agent/config/system.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/role/keys/role_config.hpp"

#include <string>
#include <string_view>

namespace bootwright {

/// Puppet's name of this machine, as the role config has it made (puppet.certname).
/// @throws Error puppet.certname (permanent) if the machine has no such value
std::string certname(const System& system, const InstanceMetadata& instance, const RoleConfig& role);

/// The text as Puppet allows it for a certname: lower case, [a-z0-9._-], not hidden, short enough for a file name.
std::string as_certname(std::string_view text);

}  // namespace bootwright
