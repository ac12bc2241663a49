#pragma once

#include "agent/config/system.hpp"
#include "agent/repository/between_request.hpp"

#include <string>

namespace bootwright {

/// Has bootwright-fetch say what lies between two revisions of the control repository, by what this machine keeps of it.
/// @param asks also asks the places of the repository, with this machine's credentials, for the history that is not here: for a
///   minute at most, into a temporary folder
/// @throws Error repository.fetch_crashed, io.*, stopped
Between between_revisions(const System& system, const std::string& before, const std::string& after, bool asks);

}  // namespace bootwright
