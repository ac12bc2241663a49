#pragma once

#include "common/net/url.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// A Puppetfile for r10k, which starts git with each URL as an argument that everybody can read.
struct PuppetfilePasswords {
    std::string text;       ///< the Puppetfile, its https URLs without user and password
    std::vector<Url> urls;  ///< the URLs with them
};

/// Takes users and passwords out of all that is written as a URL.
/// @throws Error repository.puppetfile (permanent), naming the line, if they would go over the network in clear, or if
/// nobody can tell what they are, as in "https://#{user}@host"
PuppetfilePasswords take_out_passwords(const std::string& puppetfile);

/// Lines for the file of git-credential-store(1), from which git gets them by URL.
std::string credential_lines(const std::vector<Url>& urls);

}  // namespace bootwright
