#include "common/process.hpp"

#include "common/clock.hpp"
#include "common/error.hpp"
#include "common/file.hpp"
#include "common/text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <set>
#include <system_error>
#include <thread>

namespace bootwright {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw system_call_error("make", "a pipe", errno);
    }
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A socket, not a pipe: writing to a child that closed its input must not raise SIGPIPE.
Pipe make_input() {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw system_call_error("make", "a socket pair", errno);
    }
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void make_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

/// Cuts a stream into lines.
class LineReader {
public:
    using Take = std::function<void(std::string_view)>;

    /// `on_bytes`, if there is one, gets all as it comes, and `on_line` nothing.
    LineReader(UniqueFd fd, const Take& on_line, const Take& on_bytes)
        : fd_(std::move(fd)), on_line_(&on_line), on_bytes_(&on_bytes) {
        make_nonblocking(fd_.get());
    }

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }

    /// Reads what is there now, but not for ever from a child that never stops writing. True if anything came.
    bool read_available() {
        bool any = false;
        std::array<char, 16384> buffer{};
        for (int round = 0; round < 16 && fd_; ++round) {
            const ssize_t count = read(fd_.get(), buffer.data(), buffer.size());
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count < 0 && errno == EAGAIN) {
                break;
            }
            if (count <= 0) {
                fd_.reset();
                break;
            }
            any = true;
            take({buffer.data(), static_cast<std::size_t>(count)});
        }
        return any;
    }

    /// Hands on what stands after the last line end.
    void finish() {
        if (!line_.empty()) {
            emit();
        }
    }

private:
    void take(std::string_view bytes) {
        constexpr std::size_t longest_line = 65536;
        if (*on_bytes_) {
            (*on_bytes_)(bytes);
            return;
        }
        while (!bytes.empty()) {
            const std::size_t end = bytes.find('\n');
            const std::string_view piece = bytes.substr(0, end);
            line_.append(piece.substr(0, longest_line - std::min(longest_line, line_.size())));
            if (end == std::string_view::npos) {
                return;
            }
            emit();
            bytes.remove_prefix(end + 1);
        }
    }
    void emit() {
        const std::string line = std::exchange(line_, {});
        if (*on_line_) {
            (*on_line_)(line);
        }
    }

    UniqueFd fd_;
    const Take* on_line_;
    const Take* on_bytes_;
    std::string line_;
};

/// Fields 3 and on of /proc/PID/stat: the second is the name in brackets, which may hold anything. Empty where there is
/// no such process.
std::vector<std::string> stat_fields(pid_t pid) {
    std::optional<std::string> stat;
    try {
        stat = read_file_if_exists("/proc/" + std::to_string(pid) + "/stat", 4096);
    } catch (const Error&) {
        return {};  // it ended while it was read (ESRCH)
    }
    const std::size_t name_end = stat ? stat->rfind(')') : std::string::npos;
    return name_end == std::string::npos ? std::vector<std::string>{}
                                         : split(trimmed(std::string_view(*stat).substr(name_end + 1)), ' ');
}

template <typename Number>
Number to_number(const std::string& text) {
    Number number{};
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

struct RunningProcess {
    ProcessId id;
    pid_t parent = 0;
    pid_t group = 0;
};

std::vector<RunningProcess> all_processes() {
    constexpr std::size_t parent_field = 1;
    constexpr std::size_t group_field = 2;
    std::vector<RunningProcess> processes;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const auto pid = to_number<pid_t>(entry.path().filename());
        const auto id = pid > 0 ? identify_process(pid) : std::nullopt;
        const auto fields = id ? stat_fields(pid) : std::vector<std::string>{};
        if (fields.size() > group_field) {
            processes.push_back({*id, to_number<pid_t>(fields[parent_field]), to_number<pid_t>(fields[group_field])});
        }
    }
    return processes;
}

/// A process and all that descends from it. What has lost its parent since it was first seen stays a member, and what was
/// started meanwhile is found by its process group too; only what made a session of its own and lost its parent before it
/// was ever seen is not: a daemon.
class ProcessTree {
public:
    explicit ProcessTree(ProcessId root) : members_{root}, groups_{root.pid} { grow(); }

    /// Adds what the members have started since. True if there was anything.
    bool grow() {
        const std::size_t before = members_.size();
        const auto processes = all_processes();
        for (bool grew = true; grew;) {
            grew = false;
            for (const RunningProcess& process : processes) {
                if (belongs(process) && !contains(process.id)) {
                    members_.push_back(process.id);
                    if (process.group != getpgrp()) {
                        groups_.insert(process.group);
                    }
                    grew = true;
                }
            }
        }
        return members_.size() > before;
    }

    void signal(int number) const {
        for (const ProcessId& member : members_) {
            if (is_running(member)) {
                kill(member.pid, number);
            }
        }
    }

    /// Stops all before it kills any: a stopped process starts no other.
    std::size_t kill_all() {
        grow();
        do {
            signal(SIGSTOP);
        } while (grow());
        const auto count = std::count_if(members_.begin(), members_.end(), is_running);
        signal(SIGKILL);
        wait_for_end(std::chrono::steady_clock::now() +
                     milliseconds(1000));  // longer only in the middle of a disk's I/O
        return static_cast<std::size_t>(count);
    }

    /// Returns when no member runs any more, or at `latest`.
    void wait_for_end(SteadyTime latest) const {
        constexpr milliseconds step{5};
        while (std::any_of(members_.begin(), members_.end(), is_running) && std::chrono::steady_clock::now() < latest) {
            std::this_thread::sleep_for(step);
        }
    }

private:
    [[nodiscard]] bool contains(const ProcessId& process) const {
        return std::any_of(members_.begin(), members_.end(), [&](const ProcessId& member) {
            return member.pid == process.pid && member.start_ticks == process.start_ticks;
        });
    }
    [[nodiscard]] bool belongs(const RunningProcess& process) const {
        const auto is_parent = [&](const ProcessId& member) { return member.pid == process.parent; };
        return groups_.contains(process.group) || std::any_of(members_.begin(), members_.end(), is_parent);
    }

    std::vector<ProcessId> members_;
    std::set<pid_t> groups_;
};

/// A started child; one that is not reaped is killed, with all that it started.
class Child {
public:
    explicit Child(pid_t pid) : pid_(pid), pid_fd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {
        if (!pid_fd_) {
            const int error = errno;
            kill_and_reap();
            throw system_call_error("open a pidfd of", "a child", error);
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (!reaped_) {
            kill_and_reap();
        }
    }

    [[nodiscard]] int pid_fd() const { return pid_fd_.get(); }
    [[nodiscard]] ProcessId id() const { return identify_process(pid_).value_or(ProcessId{pid_, 0}); }

    int reap() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        reaped_ = true;
        return status;
    }

private:
    void kill_and_reap() {
        ProcessTree(id()).kill_all();
        kill(pid_, SIGKILL);
        reap();
    }
    pid_t pid_;
    UniqueFd pid_fd_;
    bool reaped_ = false;
};

struct SpawnSetup {
    SpawnSetup() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    SpawnSetup(const SpawnSetup&) = delete;
    SpawnSetup& operator=(const SpawnSetup&) = delete;
    ~SpawnSetup() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result(strings.size() + 1, nullptr);
    std::transform(strings.begin(), strings.end(), result.begin(), [](std::string& string) { return string.data(); });
    return result;
}

pid_t spawn(const ProcessRequest& request, int input, int output, int error_output) {
    SpawnSetup setup;
    posix_spawn_file_actions_adddup2(&setup.actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&setup.actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&setup.actions, error_output, STDERR_FILENO);
    if (!request.folder.empty()) {
        posix_spawn_file_actions_addchdir_np(&setup.actions, request.folder.c_str());
    }
    // The agent blocks and ignores signals that its children must be able to receive.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&setup.attributes, &none);
    posix_spawnattr_setsigdefault(&setup.attributes, &all);
    posix_spawnattr_setpgroup(&setup.attributes, 0);  // the terminal's Ctrl-C is for the agent, which then ends it
    posix_spawnattr_setflags(&setup.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    std::vector<std::string> arguments = request.arguments;
    std::vector<std::string> environment;
    for (const auto& [name, value] : request.environment) {
        environment.push_back(name + "=" + value);
    }
    pid_t pid = 0;
    const int error = posix_spawn(&pid, arguments.front().c_str(), &setup.actions, &setup.attributes,
                                  pointers(arguments).data(), pointers(environment).data());
    if (error != 0) {
        throw transient_error(
            "process.cannot_start",
            "cannot start " + request.arguments.front() + ": " + std::system_category().message(error),
            "check that the program is installed and may be executed, and that memory is free");
    }
    return pid;
}

/// Writes the child's input as the pipe takes it, so that neither side waits for the other.
class InputWriter {
public:
    InputWriter(UniqueFd fd, std::string_view input) : fd_(std::move(fd)), rest_(input) {
        make_nonblocking(fd_.get());
        write_some();
    }
    [[nodiscard]] int fd() const { return fd_.get(); }
    void write_some() {
        while (fd_ && !rest_.empty()) {
            const ssize_t written = send(fd_.get(), rest_.data(), rest_.size(), MSG_NOSIGNAL);
            if (written < 0 && errno == EAGAIN) {
                return;
            }
            if (written < 0 && errno != EINTR) {
                break;  // the child closed its input: its own affair
            }
            rest_.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
        }
        fd_.reset();
    }

private:
    UniqueFd fd_;
    std::string_view rest_;
};

/// When and why the child has to end.
class Limits {
public:
    Limits(const ProcessRequest& request, SteadyTime start)
        : request_(request), deadline_(start + request.timeout), silent_at_(start + request.silence) {}

    void heard_something(SteadyTime now) { silent_at_ = now + request_.silence; }

    [[nodiscard]] std::optional<ProcessResult::End> broken(SteadyTime now, const std::stop_token& stop) const {
        if (stop.stop_requested()) return ProcessResult::End::stopped;
        if (now >= deadline_) return ProcessResult::End::timed_out;
        if (request_.silence.count() > 0 && now >= silent_at_) return ProcessResult::End::silent;
        return std::nullopt;
    }
    [[nodiscard]] SteadyTime next() const {
        return request_.silence.count() > 0 ? std::min(deadline_, silent_at_) : deadline_;
    }

private:
    const ProcessRequest& request_;
    SteadyTime deadline_;
    SteadyTime silent_at_;
};

int poll_timeout(SteadyTime until, SteadyTime now) {
    const auto left = std::chrono::ceil<milliseconds>(until - now).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 60'000));
}

}  // namespace

ProcessResult SystemProcessRunner::run(const ProcessRequest& request, const ProcessEvents& events,
                                       std::stop_token stop) {
    const SteadyTime start = std::chrono::steady_clock::now();
    Pipe input = make_input();
    Pipe output = make_pipe();
    Pipe error_output = make_pipe();
    const int given = request.input_descriptor;
    Child child(
        spawn(request, given < 0 ? input.read_end.get() : given, output.write_end.get(), error_output.write_end.get()));
    input.read_end.reset();
    output.write_end.reset();
    error_output.write_end.reset();
    if (events.started) {
        events.started(child.id());
    }

    const UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const std::stop_callback wake_on_stop(stop, [&] { eventfd_write(wake.get(), 1); });
    InputWriter writer(std::move(input.write_end), request.input);
    const LineReader::Take no_bytes;
    std::array<LineReader, 2> readers{LineReader(std::move(output.read_end), events.line, events.bytes),
                                      LineReader(std::move(error_output.read_end), events.error_line, no_bytes)};

    Limits limits(request, start);
    std::optional<ProcessResult::End> ended_by_us;
    std::optional<ProcessTree> tree;  // once it has to end
    SteadyTime kill_at = SteadyTime::max();
    bool exited = false;
    while (!exited) {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (!ended_by_us) {
            ended_by_us = limits.broken(now, stop);
            if (ended_by_us) {
                tree.emplace(child.id());
                tree->signal(SIGTERM);
                kill_at = now + request.grace;
            }
        } else if (now >= kill_at) {
            tree->kill_all();
        }
        // A negative descriptor is skipped by poll: closed streams, and the wake-up once it was heard.
        std::array<pollfd, 5> polled{{{child.pid_fd(), POLLIN, 0},
                                      {readers[0].fd(), POLLIN, 0},
                                      {readers[1].fd(), POLLIN, 0},
                                      {writer.fd(), POLLOUT, 0},
                                      {ended_by_us ? -1 : wake.get(), POLLIN, 0}}};
        poll(polled.data(), polled.size(), poll_timeout(ended_by_us ? kill_at : limits.next(), now));
        if (polled[3].revents != 0) {
            writer.write_some();
        }
        for (LineReader& reader : readers) {
            if (reader.read_available()) {
                limits.heard_something(std::chrono::steady_clock::now());
            }
        }
        exited = (polled[0].revents & POLLIN) != 0;
    }
    if (tree) {
        tree->wait_for_end(kill_at);  // the child is gone: what it started has the rest of the grace to follow
        tree->kill_all();
    }
    const int status = child.reap();
    for (LineReader& reader : readers) {
        reader.read_available();  // what it wrote last; a grandchild that keeps the pipe open is not waited for
        reader.finish();
    }

    ProcessResult result;
    result.duration = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result.end =
        ended_by_us.value_or(WIFSIGNALED(status) ? ProcessResult::End::killed_by_signal : ProcessResult::End::exited);
    return result;
}

std::optional<ProcessId> identify_process(pid_t pid) {
    const auto fields = stat_fields(pid);
    constexpr std::size_t state_field = 0;
    constexpr std::size_t start_field = 19;
    if (fields.size() <= start_field || fields[state_field] == "Z" || fields[state_field] == "X") {
        return std::nullopt;
    }
    return ProcessId{pid, to_number<unsigned long long>(fields[start_field])};
}

bool is_running(const ProcessId& process) {
    const auto found = identify_process(process.pid);
    return found && found->start_ticks == process.start_ticks;
}

std::size_t end_process_tree(const ProcessId& root) { return is_running(root) ? ProcessTree(root).kill_all() : 0; }

}  // namespace bootwright
