#pragma once

#include "common/net/url.hpp"

#include <functional>
#include <string>
#include <vector>

namespace bootwright {

/// A module that the control repository does not hold, and that is fetched like a submodule.
struct PuppetfileModule {
    std::string name;      ///< "stdlib"; the author is left out
    Url url;               ///< as as_git_url() makes it; may hold credentials
    std::string revision;  ///< a full commit id
    std::string path;      ///< where it goes, from the tree's root: "modules/stdlib"; in no other module's folder
    int line;              ///< of the Puppetfile
};

/// The modules of a Puppetfile that are to be fetched. No Ruby runs: reads `forge`, `moduledir` (which counts for the
/// lines after it, as in r10k) and `mod` with plain strings, symbols, true, false and nil. A module that is vendored or
/// `local` is used as it is, whatever the Puppetfile says of its origin; any other must come from git at a full commit
/// id.
/// @param is_vendored says whether something lies at this path of the tree
/// @throws Error repository.puppetfile, permanent, naming line, module and reason; it never quotes a URL
std::vector<PuppetfileModule> read_puppetfile(const std::string& text,
                                              const std::function<bool(const std::string&)>& is_vendored);

}  // namespace bootwright
