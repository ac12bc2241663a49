#pragma once

#include "common/net/url.hpp"

#include <map>
#include <string>

namespace bootwright {

/// The submodules that a .gitmodules file names: path → URL as written, which may be relative, or "" if there is none.
/// The file is git's configuration syntax; all but path and url is ignored.
/// @throws Error repository.submodule, permanent: the file is malformed or ambiguous, or names a path outside the tree
std::map<std::string, std::string> read_gitmodules(const std::string& text);

/// Where to fetch the submodule at `path` from: https, http, ssh or git; file only if the parent came from one. A
/// relative URL is resolved against the parent's and keeps its credentials, since it cannot leave the host; no other
/// URL gets them.
/// @param gitmodules the text of .gitmodules in the tree that holds the submodule
/// @param parent where that tree was fetched from
/// @throws Error repository.submodule, permanent, naming path and reason; it never quotes a URL
Url submodule_url(const std::string& gitmodules, const std::string& path, const Url& parent);

}  // namespace bootwright
