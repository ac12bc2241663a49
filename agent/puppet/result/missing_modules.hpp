#pragma once

#include "agent/repository/checkout.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// A module that a Puppetfile declares and that is not there: agent.json has the Puppetfile ignored (repository.puppetfile), or the
/// checkout is somebody's working copy.
struct MissingModule {
    std::string name;  ///< "nginx"
    int line = 0;      ///< of the Puppetfile
};

/// Those that the checkout's Puppetfile declares and the checkout does not have.
/// An ignored a Puppetfile is often Ruby that read_puppetfile() refuses, so this looks only at lines that begin with `mod`.
/// @throws Error io.*
std::vector<MissingModule> missing_modules(const Checkout& checkout);

/// "nginx (line 3), stdlib (line 7)"
std::string listed(const std::vector<MissingModule>& modules);

/// What they have to do with a compile error: "declares the module nginx (line 7)"; "": nothing. @param reason Puppet's words
std::string missing_behind(const std::string& reason, const std::vector<MissingModule>& modules);

/// What to do about those of a working copy.
inline constexpr const char* advice_without_modules =
    "install them there first, as with `r10k puppetfile install`: validate fetches nothing";

}  // namespace bootwright
