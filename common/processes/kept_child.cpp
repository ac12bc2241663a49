#include "common/processes/kept_child.hpp"

#include "common/base/error.hpp"
#include "common/processes/process_tree.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <string>
#include <system_error>
#include <vector>

namespace bootwright {

namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result(strings.size() + 1, nullptr);
    std::transform(strings.begin(), strings.end(), result.begin(), [](std::string& string) { return string.data(); });
    return result;
}

/// All that the new processes need, made before they are: after fork(2) in a program with threads only system calls may
/// be made, no allocation.
struct Launch {
    char* const* arguments;
    char* const* environment;
    const char* folder;  ///< nullptr: as it is
    std::array<int, 3> streams;
    bool ends_family;
};

// What the agent and the keeper say to each other. A status as of wait(2) is never negative.
constexpr char start_word = 'g';
constexpr char end_word = 'e';
constexpr int family_has_ended = -1;
constexpr int family_lives = -2;
constexpr int end_seconds = 10;

[[noreturn]] void become_program(const Launch& launch, int failure_pipe) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);  // the terminal's Ctrl-C is for the agent, which then ends it
    bool is_set = true;
    for (int stream = 0; stream < static_cast<int>(launch.streams.size()); ++stream) {
        is_set = is_set && dup2(launch.streams[static_cast<std::size_t>(stream)], stream) >= 0;
    }
    is_set = is_set && (launch.folder == nullptr || chdir(launch.folder) == 0);
    // The agent blocks and ignores signals that its children must be able to receive.
    for (int number = 1; number <= SIGRTMAX; ++number) {
        ::signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (is_set) {
        execve(launch.arguments[0], launch.arguments, launch.environment);
    }
    const int failure = errno;
    [[maybe_unused]] const auto written = write(failure_pipe, &failure, sizeof failure);
    _exit(127);
}

/// Starts the program, and says how that went: 0, or an error number.
int start_program(const Launch& launch, pid_t& program) {
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
        return errno;
    }
    program = fork();
    if (program == 0) {
        become_program(launch, pipe_ends[1]);
    }
    if (program < 0) {
        return errno;
    }
    close(pipe_ends[1]);
    int failure = 0;
    return read(pipe_ends[0], &failure, sizeof failure) == sizeof failure ? failure : 0;
}

void close_all_but(int kept) {
    constexpr int most_before_linux_5_9 = 4096;
    if (syscall(SYS_close_range, static_cast<unsigned>(kept) + 1U, ~0U, 0U) != 0) {
        for (int fd = kept + 1; fd < most_before_linux_5_9; ++fd) {
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
        for (ssize_t i = 0; i < size; ++i) {
            const char c = text[static_cast<std::size_t>(i)];
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
[[noreturn]] void keep(const Launch& launch, int socket) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    setpgid(0, 0);
    prctl(PR_SET_NAME, "bootwright-keep");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    char word = 0;
    if (recv(socket, &word, 1, 0) != 1 || word != start_word) {
        _exit(0);
    }
    pid_t program = -1;
    const int failure = start_program(launch, program);
    // It must hold none of the agent's locks, and no end of a pipe.
    dup2(socket, STDIN_FILENO);
    close_all_but(STDIN_FILENO);
    say(failure);
    if (failure == 0) {
        serve(program, launch.ends_family);
    }
    _exit(0);
}

Error cannot_start(const std::string& program, int error) {
    return transient_error("process.cannot_start",
                           "cannot start " + program + ": " + std::system_category().message(error),
                           "check that the program is installed and may be executed, and that memory is free");
}

/// What the keeper says next. Returns nullopt if it is dead.
std::optional<int> receive(int socket) {
    int value = 0;
    ssize_t size = -1;
    while ((size = recv(socket, &value, sizeof value, 0)) < 0 && errno == EINTR) {
    }
    return size == static_cast<ssize_t>(sizeof value) ? std::optional(value) : std::nullopt;
}

}  // namespace

KeptChild::KeptChild(const ProcessRequest& request, int input, int output, int error_output, const ControlGroup* group,
                     const std::function<void(pid_t keeper)>& prepare)
    : group_(group) {
    std::vector<std::string> arguments = request.arguments;
    std::vector<std::string> environment;
    for (const auto& [name, value] : request.environment) {
        environment.push_back(name + "=" + value);
    }
    const auto argument_pointers = pointers(arguments);
    const auto environment_pointers = pointers(environment);
    const Launch launch{argument_pointers.data(),
                        environment_pointers.data(),
                        request.folder.empty() ? nullptr : request.folder.c_str(),
                        {input, output, error_output},
                        request.ends_family};
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw system_call_error("make", "a socket pair", errno);
    }
    socket_ = UniqueFd(ends[0]);
    UniqueFd theirs(ends[1]);
    const pid_t pid = fork();
    if (pid < 0) {
        throw cannot_start(arguments.front(), errno);
    }
    if (pid == 0) {
        close(ends[0]);
        keep(launch, ends[1]);
    }
    theirs.reset();
    keeper_ = identify_process(pid).value_or(ProcessId{pid, 0});
    std::optional<int> failure;
    try {
        prepare(pid);
        send(socket_.get(), &start_word, 1, MSG_NOSIGNAL);
        failure = receive(socket_.get());
    } catch (...) {
        kill_and_reap();
        throw;
    }
    if (failure.value_or(ECHILD) != 0) {
        kill_and_reap();
        throw cannot_start(arguments.front(), failure.value_or(ECHILD));
    }
}

KeptChild::~KeptChild() {
    if (!is_done_) {
        kill_and_reap();
    }
}

int KeptChild::status() { return receive(socket_.get()).value_or(SIGKILL); }

bool KeptChild::end_family() {
    send(socket_.get(), &end_word, 1, MSG_NOSIGNAL);
    constexpr int slack = 2;
    pollfd answer{socket_.get(), POLLIN, 0};
    while (poll(&answer, 1, (end_seconds + slack) * 1000) > 0) {
        const std::optional<int> said = receive(socket_.get());
        if (!said || *said < 0) {
            return said == family_has_ended;
        }
    }
    return false;
}

void KeptChild::let_go() {
    socket_.reset();
    reap();
}

void KeptChild::kill_and_reap() {
    end_family();
    ProcessTree(keeper_, group_).kill_all();
    kill(keeper_.pid, SIGKILL);
    reap();
}

void KeptChild::reap() {
    while (waitpid(keeper_.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    is_done_ = true;
}

}  // namespace bootwright
