#pragma once

#include "agent/puppet/result/observation.hpp"
#include "agent/puppet/result/reading.hpp"
#include "common/base/error.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// puppet.compile_failed, permanent: Puppet's words, and what it does not say itself: where a lookup failed, what that looked
/// through, which ignored module is missing.
Error compile_error(const std::string& reason, const std::optional<Observation>& seen, const PuppetTraces& traces);

}  // namespace bootwright
