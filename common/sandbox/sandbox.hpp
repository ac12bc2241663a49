#pragma once

#include "common/sandbox/user.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// What a process that speaks with the network keeps.
struct Confinement {
    std::string user = confined_user;               ///< where there is no such user: nobody (65534)
    std::filesystem::path writable;                 ///< a folder that exists and belongs to the user, mode 0700
    std::vector<std::filesystem::path> readable{};  ///< files and folders besides the system's own, such as a CA file
    bool may_start_programs = false;  ///< those of the system, /usr/bin/ssh for instance; then it sees /proc too
};

/// Gives up, for life and with all later children, what speaking with the network does not need: root and every capability,
/// core dumps, processes besides its own (threads stay), writing outside of `writable`, reading outside of the system's
/// programs and settings, and the system calls that are only good for attacks. Call it before there is a second thread:
/// Landlock is of the thread that asks for it.
///
/// Names in DNS, certificates, sockets and, where allowed, ssh go on to work. The working folder becomes `writable`, which
/// is then reached by relative names even where the folders above it are closed to the user; new files get mode 0600.
/// Open files stay open. ssh needs an account in passwd, and must be told to share no connection (ControlMaster=no), since
/// nothing listens here. Where the caller is not root it stays the user that it is, and the rest holds.
///
/// Returns what this system could not give, as words for a log ("no Landlock in this kernel"); the rest holds all the same.
/// @throws Error sandbox.failed where it cannot become the user, or `writable` cannot be entered
std::vector<std::string> confine(const Confinement& confinement);

}  // namespace bootwright
