#include "common/sandbox/restrictions.hpp"

#ifdef __i386__

#include <linux/net.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace bootwright {

namespace {

/// A request of socketcall(2) as a call of its own. accept, send and recv have none here: they are another with zeros behind.
struct DirectCall {
    long number;
    unsigned arguments;  ///< so many words of memory belong to the request; the rest is 0
};

/// By the request's number. Source: sys_socketcall in the kernel's net/socket.c
constexpr std::array<DirectCall, SYS_SENDMMSG + 1> direct_calls{{
    {-1, 0},
    {SYS_socket, 3},
    {SYS_bind, 3},
    {SYS_connect, 3},
    {SYS_listen, 2},
    {SYS_accept4, 3},
    {SYS_getsockname, 3},
    {SYS_getpeername, 3},
    {SYS_socketpair, 4},
    {SYS_sendto, 4},
    {SYS_recvfrom, 4},
    {SYS_sendto, 6},
    {SYS_recvfrom, 6},
    {SYS_shutdown, 2},
    {SYS_setsockopt, 5},
    {SYS_getsockopt, 5},
    {SYS_sendmsg, 3},
    {SYS_recvmsg, 3},
    {SYS_accept4, 4},
    {SYS_recvmmsg, 5},
    {SYS_sendmmsg, 4},
}};

/// Returns what the kernel does: a result, or an error's number with a minus.
long ask_directly(unsigned long request, const long* given) {
    if (request == 0 || request >= direct_calls.size()) {
        return -EINVAL;
    }
    const DirectCall& call = direct_calls[request];
    std::array<long, 6> arguments{};
    for (unsigned i = 0; i < call.arguments; ++i) {
        arguments[i] = given[i];
    }
    const long result =
        syscall(call.number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    return result < 0 ? -errno : result;
}

/// In the middle of any code of this process: only system calls.
void on_trapped_call(int, siginfo_t* info, void* context) {
    const int kept_errno = errno;
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    if (info->si_syscall == SYS_socketcall) {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): a register
        const auto* arguments = reinterpret_cast<const long*>(registers[REG_ECX]);
        registers[REG_EAX] =
            static_cast<greg_t>(ask_directly(static_cast<unsigned long>(registers[REG_EBX]), arguments));
    } else {
        registers[REG_EAX] = -ENOSYS;
    }
    errno = kept_errno;
}

}  // namespace

bool answer_socketcalls() {
    struct sigaction action {};
    action.sa_sigaction = on_trapped_call;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER;
    return sigaction(SIGSYS, &action, nullptr) == 0;
}

}  // namespace bootwright

#else

namespace bootwright {

bool answer_socketcalls() { return false; }

}  // namespace bootwright

#endif
