#pragma once

#include "agent/role/keys/role_config.hpp"
#include "common/documents/json.hpp"
#include "common/net/redactor.hpp"

namespace bootwright {

/// Removes from other programs' texts the secrets of the role config: its data, and the secrets in its URLs.
Redactor secrets_of(const RoleConfig& role);

/// For the run's record (0600): the values and their origins; the URL without credentials.
Json to_json(const RoleConfig& role);

}  // namespace bootwright
