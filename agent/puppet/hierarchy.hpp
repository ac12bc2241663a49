#pragma once

#include "agent/puppet/invocation.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"

#include <string>

namespace bootwright {

/// Puppet's global layer of Hiera, as text: the role config's data, and below it the levels of the hiera.yaml that
/// puppet.hiera_config names, each with its function and the whole path of its datadir. Call it after lay_out_code().
/// Source: "Hiera: hiera.yaml version 5", Puppet's documentation, and the defaults in Puppet's hiera_config.rb.
/// @throws Error puppet.hiera_config (permanent); io.*
std::string hiera_config(const PuppetFiles& files, const PuppetPlace& place, const RoleConfig& role,
                         const Checkout& checkout);

}  // namespace bootwright
