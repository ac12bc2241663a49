#include "common/files/file.hpp"
#include "common/sandbox/restrictions.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

// Newer than the headers of Debian 12. https://docs.kernel.org/userspace-api/landlock.html
constexpr std::uint64_t access_truncate = 1ULL << 14U;                                       // ABI 3
constexpr std::uint64_t access_ioctl_dev = 1ULL << 15U;                                      // ABI 5
constexpr std::uint64_t access_bind_tcp = 1ULL << 0U;                                        // ABI 4
constexpr std::uint64_t scope_abstract_unix_socket = 1ULL << 0U, scope_signal = 1ULL << 1U;  // ABI 6

struct RulesetAttribute {
    std::uint64_t filesystem = 0;
    std::uint64_t network = 0;
    std::uint64_t scoped = 0;
};

constexpr std::uint64_t read_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t device_access =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | access_truncate | access_ioctl_dev;
constexpr std::uint64_t of_files =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | device_access;  // all that a rule of a file may name
// Neither programs nor devices: what came over the network is data.
constexpr std::uint64_t write_access =
    read_access | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | access_truncate;

/// All that this ABI can forbid.
RulesetAttribute everything_of(long abi) {
    RulesetAttribute all;
    all.filesystem = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                     write_access | access_ioctl_dev;
    if (abi < 5) {
        all.filesystem &= ~access_ioctl_dev;
    }
    if (abi < 3) {
        all.filesystem &= ~access_truncate;
    }
    if (abi < 2) {
        all.filesystem &= ~std::uint64_t{LANDLOCK_ACCESS_FS_REFER};
    }
    all.network = abi >= 4 ? access_bind_tcp : 0;
    all.scoped = abi >= 6 ? scope_abstract_unix_socket | scope_signal : 0;
    return all;
}

class Ruleset {
public:
    explicit Ruleset(long abi) : all_(everything_of(abi)) {
        fd_ = UniqueFd(static_cast<int>(syscall(SYS_landlock_create_ruleset, &all_, sizeof all_, 0)));
        error_ = fd_ ? 0 : errno;
    }

    /// What does not exist needs no rule.
    void allow(const fs::path& path, std::uint64_t access) {
        const UniqueFd opened(open(path.c_str(), O_PATH | O_CLOEXEC));
        struct stat status {};
        if (!opened || fstat(opened.get(), &status) != 0) {
            return;
        }
        const std::uint64_t possible = S_ISDIR(status.st_mode) ? all_.filesystem : all_.filesystem & of_files;
        const landlock_path_beneath_attr rule{access & possible, opened.get()};
        if (syscall(SYS_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0 && error_ == 0) {
            error_ = errno;
        }
    }

    /// 0, or the number of the first error.
    [[nodiscard]] int enforce() const {
        if (error_ != 0) {
            return error_;
        }
        return syscall(SYS_landlock_restrict_self, fd_.get(), 0) == 0 ? 0 : errno;
    }

private:
    RulesetAttribute all_;
    UniqueFd fd_;
    int error_ = 0;
};

/// What a process reads that resolves names, checks certificates, or is ssh. Not all of /run, and nothing of users and
/// services. Rules belong to the inode, and resolv.conf is replaced when the network changes: so its folder is named,
/// wherever the link leads.
std::vector<fs::path> system_settings() {
    std::error_code error;
    const fs::path resolver = fs::canonical("/etc/resolv.conf", error).parent_path();
    std::vector<fs::path> folders{
        "/etc",
        "/run/systemd/resolve",
        "/run/nscd",
        "/var/lib/sss/mc",
        "/var/lib/sss/pubconf",
        "/var/lib/ca-certificates",
        "/proc/sys",
        "/proc/filesystems",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/sys/devices/system/cpu",
        "/dev/urandom",
        "/dev/random",
    };
    if (resolver.has_relative_path()) {
        folders.push_back(resolver);
    }
    return folders;
}

Ruleset ruleset_for(const Confinement& confinement, long abi) {
    Ruleset ruleset(abi);
    const std::uint64_t programs =
        confinement.may_start_programs ? read_access | LANDLOCK_ACCESS_FS_EXECUTE : read_access;
    for (const char* folder : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt/puppetlabs"}) {
        ruleset.allow(folder, programs);
    }
    for (const fs::path& path : system_settings()) {
        ruleset.allow(path, read_access);
    }
    for (const fs::path& path : confinement.readable) {
        ruleset.allow(path, read_access);
    }
    if (confinement.may_start_programs) {
        ruleset.allow("/proc", read_access);  // ProcessRunner finds there what a child has started
    }
    ruleset.allow("/dev/null", device_access);
    ruleset.allow(".", write_access);
    return ruleset;
}

}  // namespace

void restrict_files(const Confinement& confinement, std::vector<std::string>& missing) {
    const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        missing.push_back("no Landlock in this kernel: " + reason(errno));
        return;
    }
    if (const int error = ruleset_for(confinement, abi).enforce(); error != 0) {
        missing.push_back("no Landlock: " + reason(error));
    }
}

}  // namespace bootwright
