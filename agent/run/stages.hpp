#pragma once

#include "agent/config/system.hpp"
#include "agent/record/run_record.hpp"
#include "agent/run/boot_wait.hpp"
#include "common/base/error.hpp"
#include "common/base/retry.hpp"

#include <chrono>
#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

/// The events of a stage, which go into the record.
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
            return act_with_what_it_needs(action);
        };
        const auto on_retry = [&](int, std::chrono::milliseconds delay, const Error& error) {
            record_.retrying(error, delay);
        };
        return retry(policy, system_.clock, system_.random, stop_, attempt, on_retry);
    }

private:
    /// Waits for what the machine itself still lacks, without using up an attempt. Waits for each only once in a run:
    /// if it never comes, the error counts like any other.
    template <typename Action>
    auto act_with_what_it_needs(Action& action) {
        for (;;) {
            try {
                return action();
            } catch (const Error& error) {
                const auto lack = lack_behind(system_, error);
                if (!lack || !waited_for_.insert(lack->of).second ||
                    !wait_for(system_, *lack, events_for(record_), stop_)) {
                    throw;
                }
            }
        }
    }

    const System& system_;
    RunRecord& record_;
    std::stop_token stop_;
    std::set<Lack::Of> waited_for_;
};

}  // namespace bootwright
