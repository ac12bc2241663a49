#pragma once

#include "agent/commands/status/status_run.hpp"
#include "common/documents/json.hpp"

namespace bootwright {

/// Where the revision of a status's run is from, with modules and the repositories beside it, and what the places said that
/// gave nothing: the control repository first, a few lines of each kind.
void describe_source(StatusFields& fields, const Json& run);

}  // namespace bootwright
