#pragma once

#include "agent/config/config.hpp"
#include "agent/repository/checkout.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// A module that is missing because agent.json has the Puppetfile ignored (repository.puppetfile).
struct IgnoredModule {
    std::string name;  ///< "nginx"
    int line = 0;      ///< of the Puppetfile
};

/// Those that the checkout's Puppetfile declares and the checkout does not have; none where the Puppetfile is not ignored.
/// Such a Puppetfile is often Ruby that read_puppetfile() refuses, so this looks only at lines that begin with `mod`.
/// @throws Error io.*
std::vector<IgnoredModule> ignored_modules(const AgentConfig& config, const Checkout& checkout);

/// What they have to do with a compile error: "the ignored Puppetfile declares the module nginx (line 7)"; "": nothing.
/// @param reason Puppet's words
std::string ignored_behind(const std::string& reason, const std::vector<IgnoredModule>& modules);

}  // namespace bootwright
