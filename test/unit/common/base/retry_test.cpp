#include "common/base/retry.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_clock.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr double almost_one = 0.9999999999999999;

double half() { return 0.5; }

/// An action that fails so often, transiently, and then returns 42.
struct Flaky {
    int failures = 0;
    std::vector<int> attempts{};
    int operator()(int attempt) {
        attempts.push_back(attempt);
        if (static_cast<int>(attempts.size()) <= failures) {
            throw transient_error("a.b", "not yet", "wait");
        }
        return 42;
    }
};

}  // namespace

TEST_CASE("full jitter is a random share of a bound that doubles up to the cap") {
    const RetryPolicy policy{10, 1s, 10s};
    CHECK(backoff_delay(1, policy, 0.0) == 0ms);
    CHECK(backoff_delay(1, policy, 0.5) == 500ms);
    CHECK(backoff_delay(2, policy, 0.5) == 1s);
    CHECK(backoff_delay(3, policy, 0.5) == 2s);
    CHECK(backoff_delay(4, policy, 0.5) == 4s);
    CHECK(backoff_delay(5, policy, 0.5) == 5s);  // the cap holds
    CHECK(backoff_delay(1000000, policy, 0.5) == 5s);
    for (int attempt = 1; attempt < 100; ++attempt) {
        CHECK(backoff_delay(attempt, policy, almost_one) <= 10s);
        CHECK(backoff_delay(attempt, policy, 0.0) == 0ms);
    }
}

TEST_CASE("strange policies give a delay and no overflow") {
    CHECK(backoff_delay(5, {3, 0ms, 0ms}, 0.9) == 0ms);
    CHECK(backoff_delay(5, {3, 0ms, 10s}, 0.9) == 0ms);
    CHECK(backoff_delay(1, {3, 1min, 1s}, 0.5) == 500ms);  // a base above the cap
    CHECK(backoff_delay(0, {3, 1s, 10s}, 0.5) == 500ms);
    CHECK(backoff_delay(-3, {3, 1s, 10s}, 0.5) == 500ms);
    CHECK(backoff_delay(std::numeric_limits<int>::max(), {3, 1ms, 24h * 365 * 100}, almost_one) <= 24h * 365 * 100);
}

TEST_CASE("Retry-After is a lower bound, of which ten minutes at most are honoured") {
    const RetryPolicy policy{5, 4s, 1min};
    Error error = transient_error("a.b", "c", "d");
    CHECK(delay_after(error, 1, policy, 0.5) == 2s);
    error.retry_after = 30s;
    CHECK(delay_after(error, 1, policy, 0.5) == 30s);
    error.retry_after = 1s;
    CHECK(delay_after(error, 1, policy, 0.5) == 2s);
    error.retry_after = 10min;
    CHECK(delay_after(error, 1, policy, 0.5) == 10min);
    error.retry_after = 24h;
    CHECK(delay_after(error, 1, policy, 0.5) == 10min);
    error.retry_after = -5s;
    CHECK(delay_after(error, 1, policy, 0.5) == 2s);
}

TEST_CASE("a transient failure is tried again until it works") {
    FakeClock clock;
    Flaky action{.failures = 2};
    std::vector<int> told;
    const int result = retry({5, 1s, 1min}, clock, half, {}, action,
                             [&](int attempt, std::chrono::milliseconds, const Error&) { told.push_back(attempt); });
    CHECK(result == 42);
    CHECK(action.attempts == std::vector{1, 2, 3});
    CHECK(told == std::vector{1, 2});
    CHECK(clock.slept == std::vector<std::chrono::milliseconds>{500ms, 1s});
}

TEST_CASE("the last attempt's error is thrown on, without a wait after it") {
    FakeClock clock;
    Flaky action{.failures = 99};
    const Error error = error_of([&] { return retry({3, 1s, 1min}, clock, half, {}, action, [](auto&&...) {}); });
    CHECK(error.code == "a.b");
    CHECK(action.attempts.size() == 3);
    CHECK(clock.slept.size() == 2);
}

TEST_CASE("a permanent error and a stop are never tried again") {
    FakeClock clock;
    for (const Error& thrown : {permanent_error("a.b", "c", "d"), stopped_error()}) {
        int calls = 0;
        const Error error = error_of([&] {
            return retry(
                {5, 1s, 1min}, clock, half, {},
                [&](int) -> int {
                    ++calls;
                    throw thrown;
                },
                [](auto&&...) {});
        });
        CHECK(error.code == thrown.code);
        CHECK(calls == 1);
        CHECK(clock.slept.empty());
    }
}

TEST_CASE("a stop during the wait ends it with the error stopped") {
    FakeClock clock;
    std::stop_source stop;
    clock.on_sleep = [&](std::size_t number) {
        if (number == 2) {
            stop.request_stop();
        }
    };
    Flaky action{.failures = 99};
    const Error error = error_of([&] {
        return retry({9, 1s, 1min}, clock, half, stop.get_token(), action, [](auto&&...) {});
    });
    CHECK(error.kind == ErrorKind::stopped);
    CHECK(action.attempts.size() == 2);
}

TEST_CASE("one attempt, or none by a strange policy, is one attempt") {
    for (const int attempts : {1, 0, -1}) {
        FakeClock clock;
        Flaky action{.failures = 9};
        CHECK(error_of([&] {
                  return retry({attempts, 1s, 1s}, clock, half, {}, action, [](auto&&...) {});
              }).code == "a.b");
        CHECK(action.attempts.size() == 1);
    }
}

TEST_CASE("an exception that is no Error passes through at once") {
    FakeClock clock;
    CHECK_THROWS_AS(
        retry(
            {5, 1s, 1s}, clock, half, {}, [](int) -> int { throw std::logic_error("x"); }, [](auto&&...) {}),
        std::logic_error);
    CHECK(clock.slept.empty());
}

TEST_CASE("a server's Retry-After is read where it is a number of seconds") {
    using Headers = std::map<std::string, std::string>;
    CHECK(retry_after(Headers{{"retry-after", "7"}}) == 7s);
    CHECK(retry_after(Headers{{"retry-after", "0"}}) == 0s);
    CHECK(retry_after(Headers{{"retry-after", "2147483647"}}) == 2147483647s);
    CHECK_FALSE(retry_after(Headers{}));
    for (const char* text : {"", "-1", "7s", "7.5", " 7", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(retry_after(Headers{{"retry-after", text}}));
    }
}
