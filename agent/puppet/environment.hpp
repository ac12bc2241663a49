#pragma once

#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

// Puppet's environment. A control repository is one, or is what a server has as its codedir, with folders environments/NAME of
// which the role config chooses one.

/// True if the path is there, and leads to something in the folder, links followed.
bool lies_within(const std::filesystem::path& path, const std::filesystem::path& folder);

/// What Puppet knows the environment by.
std::string environment_name(const RoleConfig& role);

/// Where Puppet is to see the control repository, if `code` is its codedir.
std::filesystem::path repository_in_code(const std::filesystem::path& code, const RoleConfig& role);

/// Makes `code`, so that the checkout is where repository_in_code() says. A chosen environment that is a link out of the
/// checkout is not what is pinned, and does not count.
/// The repositories beside it, in `repositories`, are there by their names: `code`/modules has modules for all, as on a server.
/// @throws Error puppet.no_environment, which lists those that are there, puppet.name_taken (permanent); io.*
void lay_out_code(const std::filesystem::path& code, const Checkout& checkout, const RoleConfig& role,
                  const std::filesystem::path& repositories);

/// The folders of environments/ in the control repository, sorted; none where the role config has chosen one.
std::vector<std::string> environments_to_choose(const Checkout& checkout, const RoleConfig& role);

}  // namespace bootwright
