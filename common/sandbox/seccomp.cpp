#include "common/sandbox/restrictions.hpp"

#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>

namespace bootwright {

namespace {

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

    "listen",  // it is a client, never a server
};

class Filter {
public:
    Filter() : context_(seccomp_init(SCMP_ACT_ALLOW)) {
        // Another architecture's calls (32 bit, x32) have other numbers: none of what follows would hold for them.
        keep(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
        keep(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    }

    void refuse(const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}, int error = EPERM) {
        answer(call, SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), arguments);
    }

    /// The process gets a SIGSYS.
    void trap(const char* call) { answer(call, SCMP_ACT_TRAP, {}); }

    /// 0, or the number of the first error.
    [[nodiscard]] int enforce() {
        if (error_ == 0) {
            keep(seccomp_load(context_.get()));
        }
        return error_;
    }

private:
    void answer(const char* call, std::uint32_t action, std::initializer_list<scmp_arg_cmp> arguments) {
        const int number = seccomp_syscall_resolve_name(call);
        if (number != __NR_SCMP_ERROR) {
            keep(seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(arguments.size()),
                                        arguments.begin()));
        }
    }

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
    // clone3's flags are in memory, where no filter can look. Without clone3, glibc uses clone.
    filter.refuse("clone3", {}, ENOSYS);
}

/// Allows threads, which the resolver of names needs.
void refuse_processes(Filter& filter) {
    filter.refuse("clone", {argument(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)});
    for (const char* call : {"fork", "vfork", "execve", "execveat"}) {
        filter.refuse(call);
    }
}

/// Allows AF_UNIX, AF_INET, AF_INET6, and of AF_NETLINK what getaddrinfo asks for: the addresses of this machine.
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

}  // namespace

void restrict_system_calls(const Confinement& confinement, std::vector<std::string>& missing) {
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
    // A number below 0 is one that this architecture does not have.
    const bool has_socketcall = seccomp_syscall_resolve_name("socketcall") >= 0;
    if (has_socketcall && (confinement.may_start_programs || !answer_socketcalls())) {
        missing.emplace_back(confinement.may_start_programs
                                 ? "socket families are not limited on this architecture where programs may be started"
                                 : "socket families are not limited on this architecture");
    } else {
        if (has_socketcall) {
            filter.trap("socketcall");
        }
        refuse_other_sockets(filter);
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

}  // namespace bootwright
