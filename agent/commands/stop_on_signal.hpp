#pragma once

#include "common/processes/signals.hpp"

#include <chrono>
#include <csignal>
#include <stop_token>
#include <thread>

namespace bootwright {

/// Ctrl-C ends the children first. Make it before any thread.
class StopOnSignal {
public:
    [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

private:
    void watch(const std::stop_token& done) {
        constexpr std::chrono::milliseconds look{100};
        while (!done.stop_requested()) {
            signals_.wait(look, -1);
            if (signals_.take() != 0) {
                stop_.request_stop();
            }
        }
    }

    Signals signals_{SIGTERM, SIGINT};
    std::stop_source stop_;
    std::jthread watcher_{[this](const std::stop_token& done) { watch(done); }};
};

}  // namespace bootwright
