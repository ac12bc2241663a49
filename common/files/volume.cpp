#include "common/files/volume.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
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

std::optional<std::string> fat_boot_label(const std::filesystem::path& device) {
    std::array<char, 512> bytes{};
    const UniqueFd file(::open(device.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file || pread(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        return std::nullopt;
    }
    const std::string_view sector(bytes.data(), bytes.size());
    if (!sector.ends_with("\x55\xAA")) {
        return std::nullopt;
    }
    // BS_BootSig, BS_VolLab and BS_FilSysType of FAT12 and FAT16, and of FAT32, whose fields before them are longer.
    for (const std::size_t signature : {38U, 66U}) {
        const std::string_view label = sector.substr(signature + 5, 11);
        if (sector[signature] == '\x29' && sector.substr(signature + 16, 3) == "FAT") {
            return label == "NO NAME    " ? "" : std::string(trimmed(label));
        }
    }
    return std::nullopt;
}

Volume Volume::open(const std::filesystem::path& device, const std::vector<const char*>& types) {
    if (UniqueFd folder(::open(device.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); folder) {
        return Volume(device, std::move(folder));
    }
    std::string tried;
    for (const char* type : types) {
        if (UniqueFd root = mount_detached(type, device)) {
            return Volume(device, std::move(root));
        }
        tried += std::string(tried.empty() ? "" : "; ") + type + ": " + std::system_category().message(errno);
    }
    throw transient_error("volume.unreadable", "cannot mount the volume " + device.string() + " (" + tried + ")",
                          "check that the volume holds such a file system, that the kernel has it (`modprobe -a isofs "
                          "udf vfat`), and that "
                          "the agent runs as root");
}

std::optional<std::string> Volume::read_file_if_exists(const std::string& name, std::size_t cap) const {
    const std::string called = name + " of the volume " + device_.string();
    open_how how{};
    // O_NONBLOCK: do not wait, as the open of a pipe would for a writer. O_LARGEFILE: what the C library adds to its own calls on
    // i386.
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_LARGEFILE;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const UniqueFd file(static_cast<int>(syscall(SYS_openat2, root_.get(), name.c_str(), &how, sizeof how)));
    if (!file && errno == ENOENT) {
        return std::nullopt;
    }
    struct stat status {};
    if (!file ? errno != ELOOP : fstat(file.get(), &status) != 0) {
        throw system_call_error("open", called, errno);
    }
    if (!S_ISREG(status.st_mode)) {  // also if a link was refused
        throw transient_error("volume.unreadable", called + " is not a regular file",
                              "make the volume anew, with regular files");
    }
    return read_open_file(file, called, cap);
}

}  // namespace bootwright
