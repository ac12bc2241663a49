#include "common/processes/kept_child.hpp"

#include "common/base/error.hpp"
#include "common/processes/keeper_words.hpp"
#include "common/processes/own_program.hpp"
#include "common/processes/process_tree.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <string>
#include <system_error>
#include <vector>

namespace bootwright {

namespace {

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

/// Starts a program with descriptors 0, 1 and so on from `descriptors`. Returns an error number, or 0.
int spawn(pid_t& pid, std::string& program, std::vector<std::string>& environment,
          std::initializer_list<int> descriptors) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    int target = 0;
    for (const int descriptor : descriptors) {
        posix_spawn_file_actions_adddup2(&actions, descriptor, target++);
    }
    std::array<char*, 2> arguments{program.data(), nullptr};
    std::vector<char*> variables(environment.size() + 1, nullptr);
    std::transform(environment.begin(), environment.end(), variables.begin(),
                   [](std::string& variable) { return variable.data(); });
    const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), variables.data());
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

}  // namespace

KeptChild::KeptChild(const ProcessRequest& request, int input, int output, int error_output, const ControlGroup* group,
                     const std::function<void(pid_t keeper)>& prepare)
    : group_(group) {
    std::string orders = request.folder + '\0';
    orders.append(request.ends_family ? family_ends : "") += '\0';
    for (const std::string& argument : request.arguments) {
        orders += argument + '\0';
    }
    if (orders.size() > largest_orders || request.arguments.size() > most_strings - 2) {
        throw cannot_start(request.arguments.front(), E2BIG);
    }
    std::vector<std::string> environment;
    for (const auto& [name, value] : request.environment) {
        environment.push_back(name + "=" + value);
    }
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw system_call_error("make", "a socket pair", errno);
    }
    socket_ = UniqueFd(ends[0]);
    UniqueFd theirs(ends[1]);
    pid_t pid = -1;
    std::string keeper_program = belonging("bootwright-keeper");
    const int error = spawn(pid, keeper_program, environment, {input, output, error_output, theirs.get()});
    if (error != 0) {
        throw cannot_start(keeper_program, error);
    }
    theirs.reset();
    keeper_ = identify_process(pid).value_or(ProcessId{pid, 0});
    std::optional<int> failure;
    try {
        prepare(pid);
        const bool is_sent = send(socket_.get(), orders.data(), orders.size(), MSG_NOSIGNAL) >= 0;
        failure = is_sent ? receive(socket_.get()) : errno;
    } catch (...) {
        kill_and_reap();
        throw;
    }
    if (failure.value_or(ECHILD) != 0) {
        kill_and_reap();
        throw cannot_start(request.arguments.front(), failure.value_or(ECHILD));
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
