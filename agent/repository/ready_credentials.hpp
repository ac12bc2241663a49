#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/repository/fetch_request.hpp"

#include <vector>

namespace bootwright {

/// The credentials with what is in files of this machine and in systemd credentials. What cannot be read is thrown only
/// once it is needed.
std::vector<ReadyCredential> ready_credentials(const System& system, const std::vector<Credential>& credentials);

}  // namespace bootwright
