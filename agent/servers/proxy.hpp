#pragma once

#include "agent/config/config.hpp"

#include <map>
#include <string>

namespace bootwright {

/// Adds the proxy that the environment names, if the configuration names none.
void add_proxy_of(const std::map<std::string, std::string>& environment, AgentConfig::Repository& settings);

}  // namespace bootwright
