#pragma once

#include "agent/repository/fetch_request.hpp"
#include "agent/repository/proof/commit_words.hpp"
#include "common/git/git.hpp"

#include <string>

namespace bootwright {

/// What is told of a commit that is checked out, and what has changed in it since the last good revision, if that is still here.
/// Holds none of the request's secrets. @param tag that was proven, or asked for; "": none @throws Error git.corrupt
CommitWords words_of(const FetchRequest& request, const GitRepository& repository, const std::string& commit,
                     const std::string& tag);

}  // namespace bootwright
