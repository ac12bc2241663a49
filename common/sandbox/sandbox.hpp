#pragma once

#include "common/sandbox/user.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// The rights that a process which speaks with the network keeps.
struct Confinement {
    std::string user = confined_user;               ///< if there is no such user: nobody (65534)
    std::filesystem::path writable;                 ///< a folder that exists and belongs to the user, mode 0700
    std::vector<std::filesystem::path> readable{};  ///< files and folders besides the system's own, such as a CA file
    bool may_start_programs = false;  ///< those of the system, /usr/bin/ssh for instance; then it sees /proc too
};

/// Gives up what speaking with the network does not need, for life and for all later children: root and every
/// capability, core dumps, processes besides its own (threads stay), writing outside of `writable`, reading outside of
/// the system's programs and settings, and the system calls that are only good for attacks. Call it before there is a
/// second thread: Landlock holds for the thread that asks for it.
///
/// DNS, certificates, sockets and, if allowed, ssh still work. The working folder becomes `writable`: relative names
/// then reach it even if the folders above it are closed to the user. New files get mode 0600. Open files stay open.
/// ssh needs an account in passwd, and must be told to share no connection (ControlMaster=no), since nothing listens
/// here. A caller that is not root stays the user that it is, and the rest holds.
///
/// Returns what this system could not give, as words for a log ("no Landlock in this kernel"); the rest holds all the same.
/// @throws Error sandbox.failed if it cannot become the user, or cannot enter `writable`
std::vector<std::string> confine(const Confinement& confinement);

}  // namespace bootwright
