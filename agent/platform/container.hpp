#pragma once

#include "agent/config/system.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// What says that this machine is a container, such as "/run/systemd/container says lxc". Firmware, kernel command line,
/// volumes, and what answers at a cloud's address are its host's then.
/// https://systemd.io/CONTAINER_INTERFACE/
std::optional<std::string> container(const System& system);

}  // namespace bootwright
