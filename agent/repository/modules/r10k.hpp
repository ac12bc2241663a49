#pragma once

#include <filesystem>
#include <string>

namespace bootwright {

/// The program r10k of this machine. @throws Error repository.no_r10k (permanent)
std::filesystem::path find_r10k();

/// r10k runs a Puppetfile, which is Ruby, so it needs a user of its own. Does nothing if this process is not root.
/// @throws Error repository.no_user (permanent) if there is no such user
void require_own_user(const std::string& name);

/// Copies what r10k has installed below `from` into the checkout `to`: plain files, executable bits, folders, and links
/// that stay inside; nothing of git's own. What the checkout has already wins; a module that it vendors is not mixed
/// with another one. The writer of `from` is not trusted: no link of it is followed.
/// @throws Error repository.r10k_failed (permanent) beyond 2 GiB or 200,000 files, or if something else is there; io.*
void copy_modules(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace bootwright
