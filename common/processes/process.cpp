#include "common/processes/process.hpp"

#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/processes/control_group.hpp"
#include "common/processes/kept_child.hpp"
#include "common/processes/process_tree.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

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

    /// Hands on what follows the last line end.
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
    return milliseconds_to_wait(std::chrono::ceil<milliseconds>(until - now));
}

milliseconds since(SteadyTime start) {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

/// Waits for the end of a family, with ever rarer looks, since each reads /proc.
struct Ending {
    SteadyTime kill_at = SteadyTime::max();
    milliseconds step{2};

    SteadyTime next_look(SteadyTime now) {
        constexpr milliseconds longest{100};
        step = std::min(step * 2, longest);
        return std::min(kill_at, now + step);
    }
};

/// Sets limits that every process inherits from the keeper. Reports what cannot be set; that stops nothing.
class AppliedLimits {
public:
    explicit AppliedLimits(const std::optional<ProcessLimits>& limits) : limits_(limits) {
        if (!limits_) {
            return;
        }
        if (const auto base = delegated_control_group()) {
            group_ = ControlGroup::make(*base, limits_->control_group);
        }
        limit_memory("memory.high", limits_->memory_high);
        limit_memory("memory.max", limits_->memory_max);
        machine_kills_ = out_of_memory_kills_of_machine().value_or(0);
    }

    [[nodiscard]] const ControlGroup* group() const { return group_ ? &*group_ : nullptr; }

    void apply(pid_t process) {
        if (!limits_) {
            return;
        }
        if (group_ && !group_->add(process)) {
            group_.reset();
            unmet_.emplace_back("a control group of its own: the kernel refuses to move a process into it");
        }
        if (limits_->nice != 0 && setpriority(PRIO_PROCESS, static_cast<id_t>(process), limits_->nice) != 0) {
            unmet_.push_back("nice: " + std::system_category().message(errno));
        }
        // ioprio_set(2): no wrapper in glibc; the class stands above 13 bits of priority, in which 7 is the lowest.
        constexpr int who_process = 1;
        constexpr int class_shift = 13;
        const bool is_idle = limits_->io_class == ProcessLimits::IoClass::idle;
        const int priority = is_idle ? 3 << class_shift : (2 << class_shift) | 7;
        if (limits_->io_class != ProcessLimits::IoClass::unchanged &&
            syscall(SYS_ioprio_set, who_process, process, priority) != 0) {
            unmet_.push_back("io_class: " + std::system_category().message(errno));
        }
    }

    /// The kills in its own group if that counts them; else those of the machine while it ran.
    [[nodiscard]] std::uint64_t out_of_memory_kills() const {
        if (!limits_) {
            return 0;
        }
        const auto own = group_ ? group_->out_of_memory_kills() : std::nullopt;
        return own.value_or(out_of_memory_kills_of_machine().value_or(machine_kills_) - machine_kills_);
    }

    [[nodiscard]] const std::vector<std::string>& unmet() const { return unmet_; }

private:
    void limit_memory(const std::string& file, std::uint64_t bytes) {
        if (bytes > 0 && !(group_ && group_->limit(file, bytes))) {
            unmet_.push_back(file + (group_ ? ": there is no memory controller of control groups, version 2"
                                            : ": there is no control group of its own outside a systemd service"));
        }
    }

    const std::optional<ProcessLimits>& limits_;
    std::optional<ControlGroup> group_;
    std::uint64_t machine_kills_ = 0;
    std::vector<std::string> unmet_;
};

/// Ends all that descends from the program, and what else its control group holds.
void end_family(KeptChild& child, const ControlGroup* group, const ProcessRequest& request) {
    const bool has_ended = child.end_family();
    if (has_ended && group == nullptr) {
        return;
    }
    ProcessTree rest(child.keeper(), group);
    rest.kill_all();
    if (request.ends_family && rest.is_at_work()) {
        throw transient_error(
            "process.cannot_end", request.arguments.front() + ", or something that it has started, cannot be killed",
            "it waits for a disk or a network file system: `dmesg` and `ps -eo pid,stat,wchan,cmd` say "
            "more");
    }
}

bool is_violent(const std::optional<int>& status) { return status && WIFSIGNALED(*status); }

}  // namespace

ProcessResult SystemProcessRunner::run(const ProcessRequest& request, const ProcessEvents& events,
                                       std::stop_token stop) {
    const SteadyTime start = std::chrono::steady_clock::now();
    Pipe input = make_input();
    Pipe output = make_pipe();
    Pipe error_output = make_pipe();
    const int given = request.input_descriptor;
    AppliedLimits applied(request.limits);
    KeptChild child(request, given < 0 ? input.read_end.get() : given, output.write_end.get(),
                    error_output.write_end.get(), applied.group(), [&](pid_t keeper) { applied.apply(keeper); });
    input.read_end.reset();
    output.write_end.reset();
    error_output.write_end.reset();
    if (events.started) {
        events.started(child.keeper());
    }

    const UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const std::stop_callback wake_on_stop(stop, [&] { eventfd_write(wake.get(), 1); });
    InputWriter writer(std::move(input.write_end), request.input);
    const LineReader::Take no_bytes;
    std::array<LineReader, 2> readers{LineReader(std::move(output.read_end), events.line, events.bytes),
                                      LineReader(std::move(error_output.read_end), events.error_line, no_bytes)};

    Limits limits(request, start);
    std::optional<ProcessResult::End> ended_by_us;
    std::optional<int> status;          // once the program has ended
    std::optional<ProcessTree> ending;  // once all has to end
    Ending pace;
    bool is_over = false;
    while (!is_over) {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (!ending) {
            ended_by_us = status ? std::nullopt : limits.broken(now, stop);
            if (ended_by_us || is_violent(status)) {
                ending.emplace(child.keeper(), applied.group());
                if (ended_by_us == ProcessResult::End::stopped && events.leave && events.leave(ending->members())) {
                    child.leave();
                    return {.end = ProcessResult::End::left, .duration = since(start)};
                }
                ending->ask_to_end();
                pace.kill_at = now + request.grace;
            }
        } else if (ending->ask_to_end(); now >= pace.kill_at || !ending->is_at_work()) {
            break;
        }
        // poll skips a negative descriptor: closed streams, and what was heard.
        std::array<pollfd, 5> polled{{{status ? -1 : child.ended_fd(), POLLIN, 0},
                                      {readers[0].fd(), POLLIN, 0},
                                      {readers[1].fd(), POLLIN, 0},
                                      {writer.fd(), POLLOUT, 0},
                                      {ending ? -1 : wake.get(), POLLIN, 0}}};
        poll(polled.data(), polled.size(), poll_timeout(ending ? pace.next_look(now) : limits.next(), now));
        if (polled[3].revents != 0) {
            writer.write_some();
        }
        for (LineReader& reader : readers) {
            if (reader.read_available()) {
                limits.heard_something(std::chrono::steady_clock::now());
            }
        }
        if (polled[0].revents != 0) {
            status = child.status();
            is_over = !ending && !is_violent(status);
        }
    }
    if (ending || request.ends_family) {
        end_family(child, applied.group(), request);
    }
    child.let_go();
    for (LineReader& reader : readers) {
        reader.read_available();  // what it wrote last; a grandchild that keeps the pipe open is not waited for
        reader.finish();
    }
    if (applied.group() != nullptr) {
        applied.group()->let_go();
    }

    ProcessResult result;
    result.duration = since(start);
    const int ended = status.value_or(SIGKILL);
    result.exit_code = WIFEXITED(ended) ? WEXITSTATUS(ended) : 0;
    result.signal = WIFSIGNALED(ended) ? WTERMSIG(ended) : 0;
    result.end =
        ended_by_us.value_or(WIFSIGNALED(ended) ? ProcessResult::End::killed_by_signal : ProcessResult::End::exited);
    result.out_of_memory = applied.out_of_memory_kills();
    result.unmet_limits = applied.unmet();
    return result;
}

}  // namespace bootwright
