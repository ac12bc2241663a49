#include "agent/commands/caller.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>

namespace bootwright {

namespace {

std::string name_of_user(uid_t user) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    const bool is_known = getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
    return is_known ? found->pw_name : "user " + std::to_string(user);
}

}  // namespace

std::string caller(const System& system) {
    constexpr std::size_t longest_name = 64;
    const auto sudo = system.environment.find("SUDO_USER");
    const bool is_sudo = sudo != system.environment.end() && !sudo->second.empty();
    std::string who = shortened(printable(is_sudo ? sudo->second : name_of_user(getuid())), longest_name);
    std::array<char, 64> terminal{};
    if (ttyname_r(STDIN_FILENO, terminal.data(), terminal.size()) == 0) {
        who += std::string(" on ") + terminal.data();
    }
    return who;
}

}  // namespace bootwright
