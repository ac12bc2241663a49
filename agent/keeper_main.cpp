// bootwright-keeper stands between the agent and a program: it starts it, adopts whatever its family orphans, and ends them
// (docs/decisions/0013-control-groups.md). It has the streams and the environment that the program gets, and its orders from
// the socket (common/processes/keeper_words.hpp). One lives as long as each child: it needs nothing but the C library.

#include "common/processes/keeper_words.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string_view>

namespace bootwright {

namespace {

struct Orders {
    const char* folder;
    bool ends_family;
    char* const* arguments;  ///< the program first
};

/// The agent's first message. False if it is gone, or says what is none.
bool receive(Orders& orders) {
    constexpr std::size_t before_program = 2;
    static std::array<char, largest_orders + 1> text{};
    static std::array<char*, most_strings + 1> strings{};
    const ssize_t size = recv(keeper_socket, text.data(), largest_orders, MSG_TRUNC);
    if (size <= 0 || size > static_cast<ssize_t>(largest_orders)) {
        return false;
    }
    char* const end = text.data() + size;  // one more \0 stands there
    char** next = strings.data();
    for (char* string = text.data(); string < end; string += std::strlen(string) + 1) {
        if (next == strings.data() + most_strings) {
            return false;
        }
        *next++ = string;
    }
    orders = {strings[0], strings[1] != nullptr && std::string_view(strings[1]) == family_ends,
              strings.data() + before_program};
    return next > strings.data() + before_program;
}

[[noreturn]] void become_program(const Orders& orders, int failure_pipe) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);  // the terminal's Ctrl-C is for the agent, which then ends it
    const bool is_set = *orders.folder == '\0' || chdir(orders.folder) == 0;
    // The agent blocks and ignores signals that its children must be able to receive.
    for (int number = 1; number <= SIGRTMAX; ++number) {
        ::signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (is_set) {
        execve(orders.arguments[0], orders.arguments, environ);
    }
    const int failure = errno;
    [[maybe_unused]] const auto written = write(failure_pipe, &failure, sizeof failure);
    _exit(127);
}

/// Starts the program, and says how that went: 0, or an error number.
int start_program(const Orders& orders, pid_t& program) {
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
        return errno;
    }
    program = fork();
    if (program == 0) {
        become_program(orders, pipe_ends[1]);
    }
    if (program < 0) {
        return errno;
    }
    close(pipe_ends[1]);
    int failure = 0;
    return read(pipe_ends[0], &failure, sizeof failure) == sizeof failure ? failure : 0;
}

void close_all_but_standard() {
    constexpr unsigned first = STDERR_FILENO + 1;
    constexpr int most_before_linux_5_9 = 4096;
    if (syscall(SYS_close_range, first, ~0U, 0U) != 0) {
        for (int fd = first; fd < most_before_linux_5_9; ++fd) {
            close(fd);
        }
    }
}

/// SIGKILL to each child. None of these numbers can have become another process's: a dead child keeps its number until this
/// thread reaps it. False if the kernel does not list children (proc(5), CONFIG_PROC_CHILDREN).
bool kill_children() {
    const int list = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (list < 0) {
        return false;
    }
    std::array<char, 4096> text{};
    pid_t pid = 0;
    ssize_t size = 0;
    while ((size = read(list, text.data(), text.size())) > 0) {
        for (const char c : std::string_view(text.data(), static_cast<std::size_t>(size))) {
            if (c >= '0' && c <= '9') {
                pid = pid * 10 + (c - '0');
            } else if (pid > 0) {
                kill(pid, SIGKILL);
                pid = 0;
            }
        }
    }
    close(list);
    return size == 0;
}

/// Kills and reaps until there is no child: the keeper adopts what its family orphans, so then there is no family. A walk
/// through /proc could miss one that forks and exits faster than it is read about. False at the deadline.
bool end_family() {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (const time_t latest = now.tv_sec + end_seconds; now.tv_sec <= latest; clock_gettime(CLOCK_MONOTONIC, &now)) {
        pid_t ended = 0;
        while ((ended = waitpid(-1, nullptr, WNOHANG)) > 0) {
        }
        if (ended < 0) {
            return true;
        }
        if (!kill_children()) {
            return false;
        }
        constexpr timespec moment{0, 1'000'000};
        sigtimedwait(&child, nullptr, &moment);
    }
    return false;
}

void say(int value) { send(STDIN_FILENO, &value, sizeof value, MSG_NOSIGNAL); }

/// Reaps what has ended (with WNOHANG), or waits for the program. True if that has ended now.
bool reap_children(pid_t program, int flags) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, flags)) > 0) {
        if (ended == program) {
            say(status);
            return true;
        }
    }
    return false;
}

/// Does what the agent says, until it lets go or is gone itself.
void serve(pid_t program, bool ends_family) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    std::array<pollfd, 2> polled{{{STDIN_FILENO, POLLIN, 0}, {signalfd(-1, &child, SFD_CLOEXEC), POLLIN, 0}}};
    bool has_ended = false;
    for (;;) {
        has_ended = reap_children(program, WNOHANG) || has_ended;
        poll(polled.data(), polled.size(), -1);
        signalfd_siginfo signal{};
        if (polled[1].revents != 0 && read(polled[1].fd, &signal, sizeof signal) < 0) {
            return;
        }
        char word = 0;
        if (polled[0].revents == 0) {
            continue;
        }
        if (recv(STDIN_FILENO, &word, 1, 0) == 1 && word == end_word) {
            has_ended = end_family();
            say(has_ended ? family_has_ended : family_lives);
            continue;
        }
        if (ends_family) {
            end_family();
        } else if (!has_ended) {
            reap_children(program, 0);
        }
        return;
    }
}

/// The keeper's life. All signals are blocked, so no call is interrupted.
void keep() {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    fcntl(keeper_socket, F_SETFD, FD_CLOEXEC);
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    Orders orders{};
    if (!receive(orders)) {
        return;
    }
    pid_t program = -1;
    const int failure = start_program(orders, program);
    // It must hold no end of a pipe.
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        dup2(keeper_socket, stream);
    }
    close_all_but_standard();
    say(failure);
    if (failure == 0) {
        serve(program, orders.ends_family);
    }
}

}  // namespace

}  // namespace bootwright

int main() { bootwright::keep(); }
