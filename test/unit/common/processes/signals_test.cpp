#include "common/processes/signals.hpp"
#include "test/fakes/signal_mask.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/eventfd.h>

#include <chrono>
#include <csignal>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("signals are taken one by one, and end a wait") {
    const SignalMask mask;
    Signals signals({SIGUSR1, SIGUSR2});
    CHECK(signals.take() == 0);
    raise(SIGUSR2);
    signals.wait(24h, -1);  // a test that hangs here has failed
    CHECK(signals.take() == SIGUSR2);
    CHECK(signals.take() == 0);
    raise(SIGUSR1);
    raise(SIGUSR2);
    const int first = signals.take();
    const int second = signals.take();
    CHECK(first + second == SIGUSR1 + SIGUSR2);
}

TEST_CASE("a readable descriptor ends a wait, and so does the time") {
    const SignalMask mask;
    Signals signals({SIGUSR1});
    const UniqueFd event(eventfd(1, EFD_CLOEXEC));
    signals.wait(24h, event.get());
    signals.wait(0ms, -1);
    signals.wait(-5s, -1);
    CHECK(signals.take() == 0);
}
