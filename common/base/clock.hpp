#pragma once

#include <chrono>
#include <stop_token>
#include <string>

namespace bootwright {

/// One moment on both clocks. The wall clock may jump (it is often wrong at boot); the boot clock never goes back and
/// counts suspended time (CLOCK_BOOTTIME).
struct Instant {
    std::chrono::system_clock::time_point wall{};
    std::chrono::milliseconds since_boot{};
};

/// Port: time. What a run records, plans or waits for comes from here, so that tests need not wait. Only code that
/// limits its own transfer or child process reads the steady clock itself; a structure test lists those files.
class Clock {
public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    [[nodiscard]] virtual Instant now() const = 0;

    /// True if a program that asks time servers has told the kernel that its wall clock is right.
    [[nodiscard]] virtual bool is_synchronised() const = 0;

    /// Sleeps for `duration`; returns false at once when `stop` is requested.
    virtual bool sleep(std::chrono::milliseconds duration, std::stop_token stop) = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override;
    [[nodiscard]] bool is_synchronised() const override;
    bool sleep(std::chrono::milliseconds duration, std::stop_token stop) override;
};

/// "2026-11-22T21:31:32.123Z"
std::string to_iso8601(std::chrono::system_clock::time_point time);

/// As poll(2) takes it, and libcurl in a `long`, which has 32 bits on i386: never negative, which would be without an end, and a
/// day at most.
int milliseconds_to_wait(std::chrono::milliseconds duration);

/// For people: "850 ms", "12.3 s", "5 min", "3 h 20 min", "2 d 4 h".
std::string to_human(std::chrono::milliseconds duration);

}  // namespace bootwright
