#pragma once

#include "common/git/git.hpp"

#include <filesystem>
#include <string>

namespace bootwright {

/// Checks repository.not_before of the image: the revision must be that commit, or descend from it. Otherwise user-data
/// could pin any older commit, which may well be signed. A commit's id proves its parents, so the server of the history
/// need not be trusted.
/// @param not_before empty: nothing is asked for
/// @param checkouts whose seals say what was shown before: the history itself is not kept
/// @throws Error repository.not_before (permanent) if the history is there, and leads elsewhere;
///   repository.descent_unknown (permanent) if it cannot be shown
void require_not_before(const GitRepository& repository, const std::string& revision, const std::string& not_before,
                        const std::filesystem::path& checkouts);

}  // namespace bootwright
