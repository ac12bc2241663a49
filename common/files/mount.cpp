#include "common/files/mount.hpp"

#include <sys/statvfs.h>

namespace bootwright {

namespace fs = std::filesystem;

std::optional<fs::path> noexec_mount_of(const fs::path& folder) {
    struct statvfs state {};
    if (statvfs(folder.c_str(), &state) != 0 || (state.f_flag & ST_NOEXEC) == 0) {
        return std::nullopt;
    }
    fs::path mount = folder;
    while (mount.has_relative_path()) {
        struct statvfs above {};
        if (statvfs(mount.parent_path().c_str(), &above) != 0 || (above.f_flag & ST_NOEXEC) == 0 ||
            above.f_fsid != state.f_fsid) {
            break;
        }
        mount = mount.parent_path();
    }
    return mount;
}

}  // namespace bootwright
