#pragma once

#include "agent/puppet/result/observation.hpp"
#include "agent/puppet/result/puppet_log.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What is to be remarked on a run besides its error and its failed resources, by the agent and by Puppet: each once, and not
/// more than a few dozen.
/// @param failed the resources that are told anyway
/// @param cause the entry that is the run's own error, which is told by that; nullptr: none is
std::vector<std::string> run_warnings(const std::vector<LogEntry>& entries, const std::optional<Observation>& seen,
                                      const std::vector<FailedResource>& failed, const LogEntry* cause,
                                      const PuppetTraces& traces);

}  // namespace bootwright
