#include "common/files/mount.hpp"

#include <mntent.h>
#include <sys/statvfs.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>

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

std::vector<fs::path> disk_mounts(const fs::path& mounts) {
    std::vector<fs::path> found{"/"};
    const std::unique_ptr<FILE, int (*)(FILE*)> table(setmntent(mounts.c_str(), "re"), &endmntent);
    std::set<std::string> devices;
    while (const mntent* mount = table ? getmntent(table.get()) : nullptr) {
        const std::string_view device = mount->mnt_fsname;
        const std::string_view type = mount->mnt_type;
        const fs::path place = mount->mnt_dir;
        const bool is_users = type == "fuse" || type.starts_with("fuse.");
        if (device.starts_with("/dev/") && !is_users && devices.emplace(device).second && place != "/") {
            found.push_back(place);
        }
    }
    return found;
}

}  // namespace bootwright
