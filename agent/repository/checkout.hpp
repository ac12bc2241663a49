#pragma once

#include "agent/repository/proof/commit_words.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace bootwright {

/// The folder that holds exactly one revision of a repository, proven to be what was pinned.
struct Checkout {
    std::string revision;  ///< the full commit id, also if a branch or tag was asked for
    std::filesystem::path folder;
    std::string signer{};  ///< who signed it, if the image asks for a signature
    CommitWords words{};   ///< empty ones of a checkout that an older agent made
};

/// What one of the places of a repository said.
struct PlaceAnswer {
    std::string place;  ///< its URL, without credentials
    std::string said;   ///< `gave_it`, or the error
    double seconds = 0;
    std::string module{};  ///< the path of the module that it was asked for; "": for the repository itself
    std::string of{};      ///< "": of the control repository; "configuration", "repositories/data": of another one
};

inline constexpr const char* gave_it = "gave it";

/// Commit ids by the names of the repositories beside the control repository (`repositories` of the role config).
using Revisions = std::map<std::string, std::string>;

}  // namespace bootwright
