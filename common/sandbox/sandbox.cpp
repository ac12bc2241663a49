#include "common/sandbox/sandbox.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/sandbox/user.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

std::string reason(int error_number) { return std::system_category().message(error_number); }

// --- The user

Error cannot_become(const std::string& name, const std::string& why) {
    return permanent_error(
        "sandbox.failed", "what speaks with the network cannot become the user " + name + ": " + why,
        "the user must be one without rights, and the agent needs CAP_SETUID and CAP_SETGID: look at "
        "`getent passwd " +
            name + "`, and in a container at the user ids that it maps");
}

/// From root to the user, without a way back. With the last user id of root go the capabilities.
void become(const User& user, const std::string& name) {
    if (user.uid == 0 || user.gid == 0) {
        throw cannot_become(name, "it is root, or in root's group");
    }
    if (setgroups(0, nullptr) != 0 || setresgid(user.gid, user.gid, user.gid) != 0 ||
        setresuid(user.uid, user.uid, user.uid) != 0) {
        throw cannot_become(name, reason(errno));
    }
    constexpr auto keep = static_cast<uid_t>(-1);
    if (setresuid(keep, 0, keep) == 0 || setresgid(keep, 0, keep) == 0 || geteuid() != user.uid ||
        getegid() != user.gid) {
        throw cannot_become(name, "there is a way back to root");
    }
}

// --- Capabilities

/// While still root: nothing that is started later can get a capability from a file.
void empty_bounding_set(Words& missing) {
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            missing.push_back("the bounding set keeps capabilities: " + reason(errno));
            return;
        }
    }
}

/// The own sets: as another user there is nothing left but what was inheritable.
void drop_capabilities(Words& missing) {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (syscall(SYS_capset, &header, none.data()) != 0) {
        missing.push_back("the process keeps its capabilities: " + reason(errno));
    }
}

// --- Files: Landlock

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

/// Where a process reads that resolves names, checks certificates, or is ssh. /run is not among it as a whole, nor is
/// anything of the users and of services. Rules go with the inode, and resolv.conf is replaced when the network changes:
/// so its folder, wherever the link leads.
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

void restrict_files(const Confinement& confinement, Words& missing) {
    const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        missing.push_back("no Landlock in this kernel: " + reason(errno));
        return;
    }
    if (const int error = ruleset_for(confinement, abi).enforce(); error != 0) {
        missing.push_back("no Landlock: " + reason(error));
    }
}

// --- System calls: seccomp

/// Looking into other processes, the system as a whole, other namespaces, other users, and what has been the way into the
/// kernel more than once. By name: those that libseccomp or the architecture does not know are not there to be refused.
constexpr std::initializer_list<const char*> refused_calls = {
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",

    "mount",
    "umount",
    "umount2",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "open_tree_attr",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",

    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "setuid32",
    "setgid32",
    "setreuid32",
    "setregid32",
    "setresuid32",
    "setresgid32",
    "setfsuid32",
    "setfsgid32",
    "setgroups32",

    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "add_key",
    "request_key",
    "keyctl",
    "fanotify_init",
    "open_by_handle_at",
    "lookup_dcookie",

    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "query_module",
    "reboot",
    "swapon",
    "swapoff",
    "quotactl",
    "quotactl_fd",
    "acct",
    "syslog",
    "vhangup",
    "nfsservctl",
    "_sysctl",
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "clock_adjtime64",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "vm86",
    "vm86old",
    "modify_ldt",
    "uselib",

    "listen",  // it asks, and is never asked
};

class Filter {
public:
    Filter() : context_(seccomp_init(SCMP_ACT_ALLOW)) {
        // Another architecture's calls (32 bit, x32) have other numbers: none of what follows would hold for them.
        keep(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
        keep(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    }

    void refuse(const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}, int error = EPERM) {
        const int number = seccomp_syscall_resolve_name(call);
        if (number != __NR_SCMP_ERROR) {
            keep(seccomp_rule_add_array(context_.get(), SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), number,
                                        static_cast<unsigned>(arguments.size()), arguments.begin()));
        }
    }

    /// 0, or the number of the first error.
    [[nodiscard]] int enforce() {
        if (error_ == 0) {
            keep(seccomp_load(context_.get()));
        }
        return error_;
    }

private:
    void keep(int result) { error_ = error_ == 0 && result < 0 ? -result : error_; }

    struct Release {
        void operator()(void* context) const { seccomp_release(context); }
    };
    std::unique_ptr<void, Release> context_;
    int error_ = 0;
};

scmp_arg_cmp argument(unsigned position, scmp_compare comparison, std::uint64_t a, std::uint64_t b = 0) {
    return {position, comparison, a, b};
}

/// The kernel reads 32 bits of an argument that is an int; a comparison for equality sees 64.
scmp_arg_cmp low_half(unsigned position, std::uint64_t value) {
    return argument(position, SCMP_CMP_MASKED_EQ, 0xffffffff, value);
}

void refuse_namespaces(Filter& filter) {
    for (const int flag :
         {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET}) {
        const auto bit = static_cast<std::uint64_t>(flag);
        filter.refuse("clone", {argument(0, SCMP_CMP_MASKED_EQ, bit, bit)});
    }
    // Its flags lie in memory, where no filter can look: glibc takes clone when there is no clone3.
    filter.refuse("clone3", {}, ENOSYS);
}

/// Leaves threads, which the resolver of names needs.
void refuse_processes(Filter& filter) {
    filter.refuse("clone", {argument(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)});
    for (const char* call : {"fork", "vfork", "execve", "execveat"}) {
        filter.refuse(call);
    }
}

/// Leaves AF_UNIX, AF_INET, AF_INET6, and of AF_NETLINK what getaddrinfo asks: the addresses of this machine.
void refuse_other_sockets(Filter& filter) {
    static_assert(AF_UNIX == 1 && AF_INET == 2 && AF_INET6 == 10 && AF_NETLINK == 16);
    for (const char* call : {"socket", "socketpair"}) {
        filter.refuse(call, {argument(0, SCMP_CMP_LT, AF_UNIX)});
        for (std::uint64_t family = AF_INET + 1; family < AF_NETLINK; ++family) {
            if (family != AF_INET6) {
                filter.refuse(call, {argument(0, SCMP_CMP_EQ, family)});
            }
        }
        filter.refuse(call, {argument(0, SCMP_CMP_GT, AF_NETLINK)});
    }
    filter.refuse("socket", {argument(0, SCMP_CMP_EQ, AF_NETLINK), argument(2, SCMP_CMP_NE, NETLINK_ROUTE)});
}

void restrict_system_calls(const Confinement& confinement, Words& missing) {
    constexpr unsigned kills_processes = 3;  // Linux 4.14, as seccomp_api_get(3) counts
    if (seccomp_api_get() < kills_processes) {
        missing.emplace_back("no seccomp filter in this kernel");
        return;
    }
    Filter filter;
    for (const char* call : refused_calls) {
        filter.refuse(call);
    }
    refuse_namespaces(filter);
    if (seccomp_syscall_resolve_name("socketcall") < 0) {
        refuse_other_sockets(filter);
    } else {
        // i386: the family lies in memory, where no filter can look.
        missing.emplace_back("socket families are not limited on this architecture");
    }
    filter.refuse("personality", {argument(0, SCMP_CMP_NE, 0xffffffff)});  // which asks for the present one
    for (const std::uint64_t request : {std::uint64_t{TIOCSTI}, std::uint64_t{TIOCLINUX}}) {
        filter.refuse("ioctl", {low_half(1, request)});  // types into the terminal that standard error may be
    }
    if (!confinement.may_start_programs) {
        refuse_processes(filter);
    }
    if (const int error = filter.enforce(); error != 0) {
        missing.push_back("no seccomp filter: " + reason(error));
    }
}

// --- The rest

void set_limit(decltype(RLIMIT_CORE) resource, rlim_t value, Words& missing) {
    rlimit limit{};
    getrlimit(resource, &limit);
    limit.rlim_max = std::min(limit.rlim_max, value);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) != 0) {
        missing.push_back("a resource limit cannot be set: " + reason(errno));
    }
}

void enter(const fs::path& folder) {
    if (chdir(folder.c_str()) != 0) {
        throw permanent_error("sandbox.failed",
                              "what speaks with the network cannot enter the folder that it writes in, " +
                                  folder.string() + ": " + reason(errno),
                              "the agent makes this folder: check the file system that holds it");
    }
}

}  // namespace

std::vector<std::string> confine(const Confinement& confinement) {
    Words missing;
    // What needs root's rights or the whole file system comes first: the names of users, and the folders to open.
    const bool root = geteuid() == 0;
    const std::optional<User> user = root ? find_user(confinement.user) : std::nullopt;
    if (root && !user) {
        missing.push_back("no user " + confinement.user + ": runs as nobody (65534)");
    }
    constexpr rlim_t most_open_files = 256;
    set_limit(RLIMIT_CORE, 0, missing);
    set_limit(RLIMIT_NOFILE, most_open_files, missing);
    umask(077);
    enter(confinement.writable);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        missing.push_back("setuid programs keep their rights: " + reason(errno));
    }
    restrict_files(confinement, missing);
    if (root) {
        empty_bounding_set(missing);
        become(user.value_or(nobody), confinement.user);
    } else {
        missing.emplace_back("not started as root: stays the user that it is");
    }
    drop_capabilities(missing);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // no other process of this user looks into its memory
    restrict_system_calls(confinement, missing);
    return missing;
}

}  // namespace bootwright
