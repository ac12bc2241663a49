#pragma once

#include "agent/config/system.hpp"
#include "agent/repository/checkout.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// A warning for each name server of /etc/resolv.conf that gives no answer, if one of the places took two seconds or more:
/// the C library waits five for a dead one before it asks the next (resolv.conf(5), `timeout`), and the kernel three for
/// one on the same link that is off. Asks each for two seconds at most.
std::vector<std::string> warnings_of_name_servers(const System& system, const std::vector<PlaceAnswer>& places);

}  // namespace bootwright
