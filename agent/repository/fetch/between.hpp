#pragma once

#include "agent/repository/between_request.hpp"
#include "agent/repository/fetch_events.hpp"
#include "common/processes/process.hpp"

namespace bootwright {

/// Says what lies between two revisions, by what this machine keeps of its repositories, and, if the request names places
/// and the history is not here, by what one of them gives of it into the folder to work in.
/// @throws Error io.*, git.*: of the folder to work in. What is kept and cannot be read counts as not kept
Between look_between(const BetweenRequest& request, ProcessRunner& processes, const FetchEvents& events);

}  // namespace bootwright
