#pragma once

#include <filesystem>
#include <string>

namespace bootwright {

/// The folder that holds exactly one revision of the control repository, proven to be what was pinned.
struct Checkout {
    std::string revision;  ///< the full commit id, also where a branch or tag was asked for
    std::filesystem::path folder;
};

}  // namespace bootwright
