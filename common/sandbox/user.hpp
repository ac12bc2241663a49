#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace bootwright {

/// A user of this machine.
struct User {
    uid_t uid;
    gid_t gid;
};

/// The user that the program which speaks to servers runs as; the package makes it.
inline constexpr const char* confined_user = "bootwright";
/// The user it runs as if that one is missing.
inline constexpr User nobody{65534, 65534};

/// Returns nullopt if there is no such user.
std::optional<User> find_user(const std::string& name);

/// Gives a file or folder to confined_user, if this process is root. Follows no link. @throws Error io.*
void give_to_confined(const std::filesystem::path& path);

/// Makes a folder (0700) for confined_user; for its own user if this process is not root. @throws Error io.*
void make_folder_for_confined(const std::filesystem::path& folder);

}  // namespace bootwright
