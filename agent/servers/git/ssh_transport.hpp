#pragma once

#include "agent/servers/git/transport.hpp"
#include "common/net/web.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// The ssh program's arguments: no agent, no configuration, no forwarding, only the host keys of the given file.
/// @throws Error server.url_invalid
std::vector<std::string> ssh_arguments(const GitPlace& place, const WebPatience& patience);

}  // namespace bootwright
