#pragma once

#include "common/documents/json.hpp"

#include <cstdint>
#include <string>

namespace bootwright {

/// What is told of a checkout's commit. Subject, author and time are what whoever made the commit wrote there: nobody has
/// checked them. Fit to be shown, and short.
struct CommitWords {
    std::string subject{};            ///< the first line of its message
    std::string author{};             ///< the name, without the address
    std::int64_t written = 0;         ///< when, as the author claims: seconds since 1970; 0: not known
    std::string tag{};                ///< the tag that was proven, or asked for by name; "": none
    std::string before{};             ///< the revision that `files` counts from: the last good one then; "": not known
    std::uint64_t files_changed = 0;  ///< files of its tree, without those of modules, that are others than in `before`
};

/// The words as strangers wrote them become fit to be shown. Times that no author can have written become 0.
CommitWords fit_to_be_shown(CommitWords words);

Json to_json(const CommitWords& words);
/// Of what another process, or an earlier one, wrote: fit_to_be_shown(), with nothing where something is missing.
CommitWords commit_words_from_json(const Json& json);

}  // namespace bootwright
