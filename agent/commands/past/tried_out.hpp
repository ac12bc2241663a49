#pragma once

#include "agent/config/system.hpp"
#include "common/documents/json.hpp"

#include <string>

namespace bootwright {

/// Lets a run say what it would do at `revision`, as `bootwright run --noop --revision` does: nothing of the machine is changed.
/// Returns its line of the history.
/// @throws Error what kept the run from beginning, or Puppet from having a catalog; as RunWorker
Json tried_out(const System& system, const std::string& revision);

}  // namespace bootwright
