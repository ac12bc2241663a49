#include "common/base/clock.hpp"

#include <catch2/catch_test_macros.hpp>

#include <ctime>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

std::string iso(long long milliseconds) {
    return to_iso8601(std::chrono::system_clock::time_point(std::chrono::milliseconds(milliseconds)));
}

}  // namespace

TEST_CASE("the wall clock is written in UTC with milliseconds") {
    CHECK(iso(0) == "1970-01-01T00:00:00.000Z");
    CHECK(iso(1795383092123) == "2026-11-22T21:31:32.123Z");
    CHECK(iso(1795383092007) == "2026-11-22T21:31:32.007Z");
    CHECK(iso(951782399999) == "2000-02-28T23:59:59.999Z");
    CHECK(iso(951782400000) == "2000-02-29T00:00:00.000Z");
    CHECK(iso(4107542400000) == "2100-03-01T00:00:00.000Z");
}

TEST_CASE("a wall clock before 1970 is written right too") {
    // A machine without a battery may begin in any year.
    CHECK(iso(-1) == "1969-12-31T23:59:59.999Z");
    CHECK(iso(-86400000) == "1969-12-31T00:00:00.000Z");
}

TEST_CASE("a wait is never without an end, and a day at most") {
    CHECK(milliseconds_to_wait(-1ms) == 0);
    CHECK(milliseconds_to_wait(0ms) == 0);
    CHECK(milliseconds_to_wait(30s) == 30'000);
    CHECK(milliseconds_to_wait(24h * 30) == 86'400'000);  // more milliseconds than 31 bits hold
    CHECK(milliseconds_to_wait(std::chrono::milliseconds::max()) == 86'400'000);
}

TEST_CASE("durations are written for people") {
    CHECK(to_human(0ms) == "0 ms");
    CHECK(to_human(850ms) == "850 ms");
    CHECK(to_human(999ms) == "999 ms");
    CHECK(to_human(1000ms) == "1.0 s");
    CHECK(to_human(12345ms) == "12.3 s");
    CHECK(to_human(59999ms) == "59.9 s");
    CHECK(to_human(60s) == "1 min");
    CHECK(to_human(59min + 59s) == "59 min");
    CHECK(to_human(1h) == "1 h 0 min");
    CHECK(to_human(3h + 20min) == "3 h 20 min");
    CHECK(to_human(47h + 59min) == "47 h 59 min");
    CHECK(to_human(48h) == "2 d 0 h");
    CHECK(to_human(52h) == "2 d 4 h");
    CHECK(to_human(24h * 1000) == "1000 d 0 h");
}

TEST_CASE("the boot clock is the kernel's, in milliseconds") {
    const auto kernels = [] {
        timespec time{};
        clock_gettime(CLOCK_BOOTTIME, &time);
        return std::chrono::milliseconds(time.tv_sec * 1000LL + time.tv_nsec / 1'000'000);
    };
    const auto before = kernels();
    const auto ours = SystemClock().now().since_boot;
    CHECK(before <= ours);
    CHECK(ours <= kernels());
}

TEST_CASE("the wall clock is the kernel's, and has room for years beyond 2038") {
    const std::time_t before = std::time(nullptr);
    const auto ours = std::chrono::floor<std::chrono::seconds>(SystemClock().now().wall.time_since_epoch()).count();
    CHECK(before <= ours + 1);  // time() may be a tick behind
    CHECK(ours <= std::time(nullptr) + 1);
    STATIC_CHECK(sizeof(std::time_t) == 8);
}

TEST_CASE("the boot clock never goes back") {
    const SystemClock clock;
    const Instant first = clock.now();
    const Instant second = clock.now();
    CHECK(first.since_boot.count() > 0);
    CHECK(second.since_boot >= first.since_boot);
}

TEST_CASE("a sleep ends at once when a stop is requested") {
    SystemClock clock;
    CHECK(clock.sleep(0ms, {}));
    std::stop_source stop;
    stop.request_stop();
    CHECK_FALSE(clock.sleep(24h, stop.get_token()));  // a test that hangs here has failed
}
