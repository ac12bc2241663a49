#pragma once

#include "agent/config/system.hpp"
#include "agent/timeline/timeline.hpp"
#include "common/documents/json.hpp"

#include <vector>

namespace bootwright {

/// What systemd did before the run of the report: kernel, initrd, and the units that took longest, as systemctl(1) tells
/// it. Empty if that run was no first one after a boot, or if the boot is another one by now, or if systemd says nothing.
std::vector<TimelineBar> boot_before(const System& system, const Json& report);

}  // namespace bootwright
