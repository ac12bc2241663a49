#pragma once

#include "agent/config/system.hpp"
#include "agent/puppet/result/puppet_result.hpp"

#include <stop_token>

namespace bootwright {

/// Writes what Puppet has changed to the machine's disks, by sync(1): what the status calls done has to outlast a power cut, and
/// a file that a cut leaves empty is never made again by an `exec` with `creates`. Does nothing if nothing was changed, or owed.
/// @param is_owed of runs before
/// @return false, with a warning, if it fails or takes more than a minute; false, too, if it is stopped
bool flush_after(const PuppetResult& result, bool is_owed, const System& system, const StageEvents& events,
                 const std::stop_token& stop);

}  // namespace bootwright
