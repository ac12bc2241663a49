#pragma once

#include "agent/repository/fetch_request.hpp"
#include "agent/repository/modules/modules.hpp"
#include "common/git/git.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// Removes all but the newest checkouts (request.settings.keep; a checkout's time is when it was last asked for) and
/// those that are protected. Then removes from the repositories what no seal on this machine names: commits of
/// `control` (except `not_before`) and of the modules, and whole repositories except `control`. Removes nothing of
/// these if a checkout has no seal that says what it needs.
/// @param current the revision that was just checked out and sealed, with its modules
/// @throws Error io.*, git.corrupt
void prune(const FetchRequest& request, GitRepository& control, std::vector<ModuleTree>& modules,
           const std::string& current);

}  // namespace bootwright
