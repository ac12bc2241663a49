#pragma once

#include "agent/puppet/result/puppet_result.hpp"
#include "agent/puppet/result/reading.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// What Puppet says in its log that it would change if it were not for noop, with the diffs of files, in its order: the
/// first 1000 things, each cut at 32 KiB. Secrets of the role config are removed; what else a file holds is not.
/// @param log from its beginning
std::vector<PlannedChange> planned_changes(const std::string& log, const PuppetTraces& traces);

}  // namespace bootwright
