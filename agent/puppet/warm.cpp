#include "agent/puppet/warm.hpp"

#include "agent/puppet/invocation.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

// What warm.rb says about itself, each on a line of its own.
constexpr std::string_view applies_mark = "bootwright-warm applies";
constexpr std::string_view refuses_mark = "bootwright-warm refuses: ";
constexpr std::string_view compiled_mark = "bootwright-warm compiled: ";
constexpr std::size_t longest_reason = 300;

/// The programs that were made of Puppet's Ruby, if any were (docs/decisions/0016-compiled-ahead.md).
fs::path compiled_puppet(const System& system) { return system.path("/var/cache/bootwright/puppet.compiled"); }

std::vector<std::string> warm_script(const System& system, const PuppetProgram& program,
                                     const std::vector<std::string>& options) {
    std::vector<std::string> arguments = program.by_ruby(system.ruby_folder / "warm.rb");
    arguments.insert(arguments.end(), options.begin(), options.end());
    if (!program.gem.empty()) {
        arguments.push_back(program.gem);
    }
    return arguments;
}

ProcessRequest cold_request(const PuppetProgram& program, ProcessRequest request) {
    if (program.is_known()) {
        std::vector<std::string> arguments = program.by_ruby(program.path);
        arguments.insert(arguments.end(), request.arguments.begin() + 1, request.arguments.end());
        request.arguments = std::move(arguments);
    }
    return request;
}

ProcessRequest waiting_request(const System& system, const AgentConfig& config, const PuppetProgram& program) {
    return {.arguments = warm_script(system, program, {compiled_puppet(system).string()}),
            .environment = puppet_environment(),
            // While it waits, the run ends it; once it applies, WaitingPuppet keeps the time.
            .timeout = std::chrono::hours(24 * 365),
            .grace = std::chrono::seconds(10),
            .limits = limits_of(config)};
}

std::string how_it_ended(const ProcessResult& result) {
    return result.end == ProcessResult::End::killed_by_signal ? "was killed by signal " + std::to_string(result.signal)
                                                              : "ended with status " + std::to_string(result.exit_code);
}

}  // namespace

/// Puppet's Ruby in a child, followed by a thread.
class WaitingPuppet {
public:
    WaitingPuppet(ProcessRunner& runner, ProcessRequest request) : request_(std::move(request)) {
        std::array<int, 2> ends{};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            throw system_call_error("make", "a socket pair", errno);
        }
        ours_ = UniqueFd(ends[0]);
        theirs_ = UniqueFd(ends[1]);
        request_.input_descriptor = theirs_.get();
        thread_ = std::jthread([this, &runner](std::stop_token stop) { follow(runner, std::move(stop)); });
    }
    WaitingPuppet(const WaitingPuppet&) = delete;
    WaitingPuppet& operator=(const WaitingPuppet&) = delete;
    ~WaitingPuppet() = default;  // the thread is stopped and joined first: it is the last member

    /// Returns nullopt if it did not begin, and ended without doing anything; then `refusal` says why.
    std::optional<ProcessResult> apply(const ProcessRequest& request, const ProcessEvents& events,
                                       const std::stop_token& stop, std::string& refusal) {
        const auto begin = std::chrono::steady_clock::now();
        std::unique_lock lock(mutex_);
        events_ = &events;
        if (child_ && events.started) {
            events.started(*child_);
        }
        if (!ended_) {
            send_message(request);
        }
        if (!has_ended_.wait_until(lock, stop, begin + request.timeout, [this] { return ended_; })) {
            is_late_ = !stop.stop_requested();
            thread_.request_stop();
            has_ended_.wait(lock, [this] { return ended_; });
        }
        events_ = nullptr;
        if (problem_) {
            std::rethrow_exception(problem_);
        }
        ProcessResult result = result_;
        result.end = is_late_ && result.end == ProcessResult::End::stopped ? ProcessResult::End::timed_out : result.end;
        result.duration =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
        const bool ended_by_itself =
            result.end == ProcessResult::End::exited || result.end == ProcessResult::End::killed_by_signal;
        if (applies_ || !ended_by_itself) {
            return result;
        }
        has_died_ = refusal_.empty();
        refusal = has_died_ ? "the process that was to wait with it " + how_it_ended(result) : refusal_;
        return std::nullopt;
    }

    /// It ended without a word.
    [[nodiscard]] bool has_died() const { return has_died_; }

private:
    void follow(ProcessRunner& runner, std::stop_token stop) {
        const ProcessEvents events{.started =
                                       [this](ProcessId child) {
                                           const std::lock_guard lock(mutex_);
                                           child_ = child;
                                           if (events_ != nullptr && events_->started) {
                                               events_->started(child);
                                           }
                                       },
                                   .leave =
                                       [this](const std::vector<ProcessId>& processes) {
                                           const std::lock_guard lock(mutex_);
                                           return events_ != nullptr && !is_late_ && events_->leave &&
                                                  events_->leave(processes);
                                       },
                                   .line = [this](std::string_view line) { take_line(line); },
                                   .error_line =
                                       [this](std::string_view line) {
                                           const std::lock_guard lock(mutex_);
                                           if (events_ != nullptr && events_->error_line) {
                                               events_->error_line(line);
                                           }
                                       }};
        ProcessResult result;
        std::exception_ptr problem;
        std::string cannot_start;
        try {
            result = runner.run(request_, events, std::move(stop));
        } catch (const Error& error) {
            const bool has_not_begun = error.code == "process.cannot_start";
            cannot_start = has_not_begun ? error.message : "";
            problem = has_not_begun ? nullptr : std::current_exception();
        } catch (...) {
            problem = std::current_exception();
        }
        const std::lock_guard lock(mutex_);
        result_ = result;
        problem_ = problem;
        refusal_ = cannot_start.empty() ? refusal_ : cannot_start;
        ended_ = true;
        has_ended_.notify_all();
    }

    void take_line(std::string_view line) {
        const std::lock_guard lock(mutex_);
        if (!applies_ && line.starts_with(refuses_mark)) {
            refusal_ = shortened(printable(line.substr(refuses_mark.size())), longest_reason);
        } else if (!applies_ && line.ends_with(applies_mark)) {  // whatever stood before it: two must not apply
            applies_ = true;
        } else if (events_ != nullptr && events_->line) {
            events_->line(line);
        }
    }

    /// All of it fits into the socket's buffer. A longer message would be cut off, and would not count.
    void send_message(const ProcessRequest& request) {
        const std::string text = to_line(
            Json{{"program", request.arguments.front()},
                 {"arguments", Json(std::vector<std::string>(request.arguments.begin() + 1, request.arguments.end()))},
                 {"environment", request.environment}});
        send(ours_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        ours_.reset();
    }

    ProcessRequest request_;
    UniqueFd ours_;
    UniqueFd theirs_;
    std::mutex mutex_;
    std::condition_variable_any has_ended_;
    const ProcessEvents* events_ = nullptr;  // of the run that it applies for
    std::optional<ProcessId> child_;
    bool applies_ = false;
    bool is_late_ = false;
    bool has_died_ = false;
    std::string refusal_;
    bool ended_ = false;
    ProcessResult result_;
    std::exception_ptr problem_;
    std::jthread thread_;
};

WarmPuppet::WarmPuppet(const System& system, const AgentConfig& config) : system_(system) {
    if (!config.puppet.warm) {
        why_cold_ = "agent.json says so (puppet.warm)";
        return;
    }
    try {
        const PuppetProgram program = find_puppet(system, config);
        if (!program.is_known()) {
            why_cold_ = program.path.string() + " is not as Puppet's packages make it";
            return;
        }
        waiting_ = std::make_unique<WaitingPuppet>(system.processes, waiting_request(system, config, program));
    } catch (const std::exception& error) {
        why_cold_ = error.what();
    }
}

WarmPuppet::~WarmPuppet() = default;

ProcessResult WarmPuppet::run(const PuppetProgram& program, const ProcessRequest& request, const ProcessEvents& events,
                              std::stop_token stop, PuppetStart& start) {
    start = {PuppetStart::Way::warm, ""};
    if (const auto waiting = std::exchange(waiting_, nullptr)) {
        if (const auto result = waiting->apply(request, events, stop, why_cold_)) {
            return *result;
        }
        if (waiting->has_died()) {  // bad programs can be why: the next `bootwright prepare` makes them anew
            std::error_code ignored;
            fs::remove(compiled_puppet(system_), ignored);
        }
    }
    start = {PuppetStart::Way::cold, std::exchange(why_cold_, once_already)};
    return system_.processes.run(cold_request(program, request), events, std::move(stop));
}

std::string compile_puppet(const System& system, const AgentConfig& config) {
    const PuppetProgram program = find_puppet(system, config);
    std::string made;
    std::string complaint;
    std::string why = program.path.string() + " is not as Puppet's packages make it";
    if (program.is_known()) {
        const fs::path file = compiled_puppet(system);
        make_folder(file.parent_path(), 0755);
        const auto line = [&](std::string_view text) {
            made = text.starts_with(compiled_mark) ? printable(text.substr(compiled_mark.size())) : made;
            why = text.starts_with(refuses_mark) ? printable(text.substr(refuses_mark.size())) : why;
        };
        const ProcessResult result = system.processes.run(
            {.arguments = warm_script(system, program, {"--compile", file.string()}),
             .environment = puppet_environment(),
             .timeout = std::chrono::minutes(5)},
            {.line = line,
             .error_line =
                 [&](std::string_view text) { complaint = complaint.empty() ? ": " + printable(text) : complaint; }},
            {});
        if (result.end == ProcessResult::End::timed_out) {
            why = "it took longer than five minutes";
        } else if (result.end != ProcessResult::End::exited || result.exit_code != 0) {
            why = "Ruby " + how_it_ended(result) + complaint;
        }
    }
    if (made.empty()) {
        throw permanent_error("puppet.not_compiled", "Puppet is not compiled ahead: " + shortened(why, longest_reason),
                              "nothing is lost but a third of a second in each run: Puppet is loaded as ever");
    }
    return made;
}

}  // namespace bootwright
