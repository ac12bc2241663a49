#include "common/files/owner.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace bootwright {

namespace {

/// With an access list, the group's bits are the list's mask: they show an entry that lets somebody write (acl(5)).
bool is_owned_by_root(const std::filesystem::path& path) {
    struct stat status {};
    return lstat(path.c_str(), &status) == 0 && !S_ISLNK(status.st_mode) &&
           (status.st_uid == 0 || status.st_uid == geteuid()) && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

bool is_roots_alone(const std::filesystem::path& root, const std::filesystem::path& path) {
    std::filesystem::path reached = root;
    if (!is_owned_by_root(reached)) {
        return false;
    }
    for (const std::filesystem::path& part : path.relative_path()) {
        reached /= part;
        if (!is_owned_by_root(reached)) {
            return false;
        }
    }
    return true;
}

}  // namespace bootwright
