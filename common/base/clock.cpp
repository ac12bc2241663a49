#include "common/base/clock.hpp"

#include <sys/timex.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace bootwright {

namespace {

std::chrono::nanoseconds now_by(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

Instant SystemClock::now() const {
    // Not system_clock::now(): on i386 libstdc++ reads 32 bits of seconds, which end in 2038.
    return {std::chrono::system_clock::time_point(now_by(CLOCK_REALTIME)),
            std::chrono::duration_cast<std::chrono::milliseconds>(now_by(CLOCK_BOOTTIME))};
}

bool SystemClock::is_synchronised() const {
    // As systemd's ntp_synced() (basic/time-util.c): the same limit, and STA_UNSYNC does not count, which is also set
    // to keep the kernel from writing the hardware's clock. The error grows from the last synchronisation on.
    constexpr long largest_error_us = 16'000'000;
    timex state{};
    return adjtimex(&state) >= 0 && state.maxerror < largest_error_us;
}

bool SystemClock::sleep(std::chrono::milliseconds duration, std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any never_notified;
    std::unique_lock lock(mutex);
    never_notified.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
}

std::string to_iso8601(std::chrono::system_clock::time_point time) {
    const auto whole_seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time - whole_seconds).count();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(whole_seconds);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 32> date{};
    std::array<char, 48> text{};
    std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(text.data(), text.size(), "%s.%03dZ", date.data(), static_cast<int>(milliseconds));
    return text.data();
}

int milliseconds_to_wait(std::chrono::milliseconds duration) {
    constexpr std::chrono::milliseconds a_day = std::chrono::hours(24);
    return static_cast<int>(std::clamp(duration, std::chrono::milliseconds(0), a_day).count());
}

std::string to_human(std::chrono::milliseconds duration) {
    const long long ms = duration.count();
    const long long seconds = ms / 1000;
    if (ms < 1000) {
        return std::to_string(ms) + " ms";
    }
    if (seconds < 60) {
        return std::to_string(seconds) + "." + std::to_string(ms % 1000 / 100) + " s";
    }
    const long long minutes = seconds / 60;
    if (minutes < 60) {
        return std::to_string(minutes) + " min";
    }
    if (minutes < 48 * 60) {
        return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
    }
    return std::to_string(minutes / (24 * 60)) + " d " + std::to_string(minutes / 60 % 24) + " h";
}

}  // namespace bootwright
