#pragma once

#include "agent/repository/fetch_events.hpp"
#include "agent/repository/modules_request.hpp"
#include "common/processes/process.hpp"

#include <functional>

namespace bootwright {

/// Finds out what each of the modules is now, and fetches it to know its tree. Runs in the child.
/// @param tell gets what was found, or the error, of each module in turn
/// @throws Error io.*, if this machine is to blame
void resolve_modules(const ModulesRequest& request, ProcessRunner& processes, const FetchEvents& events,
                     const std::function<void(const ResolvedModule&)>& tell);

}  // namespace bootwright
