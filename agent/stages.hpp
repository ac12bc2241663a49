#pragma once

#include "agent/clock_wait.hpp"
#include "agent/record/run_record.hpp"
#include "agent/system.hpp"
#include "common/error.hpp"
#include "common/retry.hpp"

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

/// What a stage tells the record.
inline StageEvents events_for(RunRecord& record) {
    return {
        .progress = [&](std::string_view what, std::uint64_t done,
                        std::uint64_t total) { record.progress(what, done, total); },
        .child_started = [&](ProcessId child) { record.child_started(child); },
        .waiting = [&](const std::string& what, std::chrono::milliseconds longest) { record.waiting(what, longest); },
        .warning = [&](const std::string& text) { record.warning(text); }};
}

/// The only place that retries a stage.
class Stages {
public:
    Stages(const System& system, RunRecord& record, std::stop_token stop)
        : system_(system), record_(record), stop_(std::move(stop)) {}

    template <typename Action>
    auto operator()(Stage stage, const RetryPolicy& policy, Action action) {
        record_.begin_stage(stage, policy.attempts);
        const auto attempt = [&](int number) {
            if (stop_.stop_requested()) {
                throw stopped_error();
            }
            record_.begin_attempt(number);
            return act_with_right_clock(action);
        };
        const auto on_retry = [&](int, std::chrono::milliseconds delay, const Error& error) {
            record_.retrying(error, delay);
        };
        return retry(policy, system_.clock, system_.random, stop_, attempt, on_retry);
    }

private:
    /// A clock that is still to be set uses up no attempt. It is waited for once in a run: where nothing ever sets it, the
    /// error is as good as any other.
    template <typename Action>
    auto act_with_right_clock(Action& action) {
        try {
            return action();
        } catch (const Error& error) {
            if (has_waited_for_clock_ || !hangs_on_clock(system_, error)) {
                throw;
            }
            has_waited_for_clock_ = true;
            if (!wait_for_clock(system_, events_for(record_), stop_)) {
                throw;
            }
        }
        return action();
    }

    const System& system_;
    RunRecord& record_;
    std::stop_token stop_;
    bool has_waited_for_clock_ = false;
};

}  // namespace bootwright
