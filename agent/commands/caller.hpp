#pragma once

#include "agent/config/system.hpp"

#include <string>

namespace bootwright {

/// Who calls this command, for records: "alice on /dev/pts/0". If sudo made the caller root, the one who called sudo. It is
/// what the caller's environment says, and no proof.
std::string caller(const System& system);

}  // namespace bootwright
