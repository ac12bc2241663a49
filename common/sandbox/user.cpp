#include "common/sandbox/user.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace bootwright {

std::optional<User> find_user(const std::string& name) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16384> buffer{};
    if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
        return std::nullopt;
    }
    return User{entry.pw_uid, entry.pw_gid};
}

void give_to_confined(const std::filesystem::path& path) {
    const User user = find_user(confined_user).value_or(nobody);
    if (geteuid() == 0 && lchown(path.c_str(), user.uid, user.gid) != 0) {
        throw system_call_error("change the owner of", path.string(), errno);
    }
}

void make_folder_for_confined(const std::filesystem::path& folder) {
    make_folder(folder, 0700);
    give_to_confined(folder);
}

}  // namespace bootwright
