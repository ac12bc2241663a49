#pragma once

#include "common/base/clock.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <vector>

namespace bootwright {

/// Time that only sleep() moves.
class FakeClock final : public Clock {
public:
    /// 2026-11-22T21:31:32.123Z, five seconds after the machine was switched on.
    Instant time{std::chrono::system_clock::time_point(std::chrono::milliseconds(1795383092123)),
                 std::chrono::milliseconds(5000)};
    bool synchronised = true;
    std::vector<std::chrono::milliseconds> slept{};
    /// Is told the number of the sleep, from 1, before time moves.
    std::function<void(std::size_t)> on_sleep{};

    [[nodiscard]] Instant now() const override { return time; }
    [[nodiscard]] bool is_synchronised() const override { return synchronised; }

    bool sleep(std::chrono::milliseconds duration, std::stop_token stop) override {
        slept.push_back(duration);
        if (on_sleep) {
            on_sleep(slept.size());
        }
        if (stop.stop_requested()) {
            return false;
        }
        advance(duration);
        return true;
    }

    void advance(std::chrono::milliseconds duration) {
        time.wall += duration;
        time.since_boot += duration;
    }
};

}  // namespace bootwright
