#pragma once

#include "common/net/url.hpp"

#include <map>
#include <string>

namespace bootwright {

/// A .gitmodules file.
struct Gitmodules {
    std::string text;
    std::string
        folder{};  ///< of the tree that holds the file, from the root of the whole checkout: "" or "modules/apt/"
};

/// What a .gitmodules file says of a submodule.
struct NamedSubmodule {
    std::string written;  ///< its URL, maybe a relative one; "" if there is none
    int line;             ///< of the URL; if there is none, of the path
};

/// The submodules that the file names, by their path in its tree. The file is git's configuration syntax; all but path
/// and url is ignored.
/// @throws Error repository.submodule, permanent: the file is malformed or ambiguous, or names a path outside the tree
std::map<std::string, NamedSubmodule> read_gitmodules(const Gitmodules& file);

/// Where a submodule is fetched from, and where that is written.
struct SubmoduleSource {
    Url url;
    std::string named_at;  ///< "modules/apt/.gitmodules, line 3"
};

/// Where to fetch the submodule at `path` from: https, http, ssh or git; file only if the parent came from one. A
/// relative URL is resolved against the parent's and keeps its credentials, since it cannot leave the host; no other
/// URL gets them.
/// @param file of the tree that holds the submodule
/// @param parent where that tree was fetched from
/// @throws Error repository.submodule, permanent, naming path, line and reason; it never quotes a URL
SubmoduleSource submodule_source(const Gitmodules& file, const std::string& path, const Url& parent);

}  // namespace bootwright
