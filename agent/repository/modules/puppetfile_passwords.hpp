#pragma once

#include "common/net/url.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// A Puppetfile for r10k, which starts git with each URL as an argument that everybody can read.
struct PuppetfilePasswords {
    std::string text;       ///< the Puppetfile, its https URLs without user and password
    std::vector<Url> urls;  ///< those with them
};

/// Takes users and passwords out of what is written as a URL.
/// @throws Error repository.puppetfile (permanent), naming the line, where they would go over the network in clear, or where
/// nobody can tell which they are, as in "https://#{user}@host"
PuppetfilePasswords take_out_passwords(const std::string& puppetfile);

/// Lines for the file of git-credential-store(1), which has them for git by URL.
std::string credential_lines(const std::vector<Url>& urls);

}  // namespace bootwright
