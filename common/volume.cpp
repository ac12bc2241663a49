#include "common/volume.hpp"

#include "common/error.hpp"

#include <sys/mount.h>

#include <cerrno>
#include <system_error>

namespace bootwright {

namespace {

UniqueFd mount_detached(const char* type, const std::filesystem::path& device) {
    const UniqueFd context(fsopen(type, FSOPEN_CLOEXEC));
    if (!context || fsconfig(context.get(), FSCONFIG_SET_STRING, "source", device.c_str(), 0) != 0 ||
        fsconfig(context.get(), FSCONFIG_SET_FLAG, "ro", nullptr, 0) != 0 ||
        fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
        return UniqueFd();
    }
    return UniqueFd(fsmount(context.get(), FSMOUNT_CLOEXEC,
                            MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
}

}  // namespace

Volume Volume::open(const std::filesystem::path& device) {
    std::string tried;
    for (const char* type : {"iso9660", "vfat"}) {
        if (UniqueFd root = mount_detached(type, device)) {
            return Volume(std::move(root));
        }
        tried += std::string(tried.empty() ? "" : "; ") + type + ": " + std::system_category().message(errno);
    }
    throw transient_error("volume.unreadable", "cannot mount the volume " + device.string() + " (" + tried + ")",
                          "check that the agent runs as root and that the volume holds iso9660 or vfat");
}

std::optional<std::string> Volume::read_file_if_exists(const std::string& name, std::size_t cap) const {
    return bootwright::read_file_if_exists("/proc/self/fd/" + std::to_string(root_.get()) + "/" + name, cap);
}

}  // namespace bootwright
