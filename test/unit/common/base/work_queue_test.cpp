#include "common/base/work_queue.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

using namespace bootwright;

namespace {

/// This thread, and those that it makes, may use `count` processors and no more, as long as this lives.
class Processors {
public:
    explicit Processors(int count) {
        sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t fewer;
        CPU_ZERO(&fewer);
        for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&fewer) < count; ++cpu) {
            if (CPU_ISSET(cpu, &before_)) {
                CPU_SET(cpu, &fewer);
            }
        }
        are_there_ = CPU_COUNT(&fewer) == count && sched_setaffinity(0, sizeof fewer, &fewer) == 0;
    }
    Processors(const Processors&) = delete;
    Processors& operator=(const Processors&) = delete;
    ~Processors() { sched_setaffinity(0, sizeof before_, &before_); }

    /// False on a machine that has fewer.
    [[nodiscard]] bool are_there() const { return are_there_; }

private:
    cpu_set_t before_{};
    bool are_there_;
};

/// Tells when it goes.
struct Last {
    std::promise<void>& gone;
    explicit Last(std::promise<void>& promise) : gone(promise) {}
    Last(const Last&) = delete;
    Last& operator=(const Last&) = delete;
    ~Last() { gone.set_value(); }
};

}  // namespace

TEST_CASE("all that was added is done, and let go, when finish() returns") {
    std::atomic<int> done = 0;
    const auto held = std::make_shared<int>(0);
    WorkQueue queue;
    for (int round = 1; round <= 2; ++round) {
        for (int i = 0; i < 1000; ++i) {
            queue.add([&done, held] { ++done; });
        }
        queue.finish();
        CHECK(done == round * 1000);
        CHECK(held.use_count() == 1);
    }
}

TEST_CASE("what a piece of work throws comes out where it was added, and no other begins") {
    const Processors some(GENERATE(1, 2));
    std::atomic<int> done = 0;
    WorkQueue queue;
    CHECK_THROWS_AS(
        [&] {
            queue.add([] { throw std::runtime_error("no"); });
            queue.finish();
        }(),
        std::runtime_error);
    CHECK_THROWS_AS(queue.add([&done] { ++done; }), std::runtime_error);
    CHECK_THROWS_AS(queue.finish(), std::runtime_error);
    CHECK(done == 0);
}

TEST_CASE("with one processor the caller does all of it at once") {
    const Processors one(1);
    WorkQueue queue;
    std::thread::id who;
    queue.add([&who] { who = std::this_thread::get_id(); });
    CHECK(who == std::this_thread::get_id());
}

TEST_CASE("where all workers are busy the caller does what is too much to wait") {
    const Processors two(2);
    constexpr int pieces = 3 * WorkQueue::most_waiting;
    std::atomic<int> done = 0;
    std::promise<void> begun;
    std::promise<void> all_done;
    if (!two.are_there()) {
        SKIP("one processor: nothing ever waits");
    }
    WorkQueue queue;
    queue.add([&] {
        begun.set_value();
        all_done.get_future().wait();
    });
    begun.get_future().wait();
    for (int i = 0; i < pieces; ++i) {
        queue.add([&] {
            if (++done == pieces) {
                all_done.set_value();
            }
        });
    }
    queue.finish();
    CHECK(done == pieces);
}

TEST_CASE("only so many pieces wait: the next one is room that the caller makes") {
    const Processors two(2);
    if (!two.are_there()) {
        SKIP("one processor: nothing ever waits");
    }
    std::promise<void> begun;
    std::promise<void> end;
    std::size_t done = 0;
    WorkQueue queue;
    queue.add([&] {
        begun.set_value();
        end.get_future().wait();
    });
    begun.get_future().wait();
    // The only worker is busy: what is done from here on the caller does.
    for (std::size_t i = 0; i < WorkQueue::most_waiting; ++i) {
        queue.add([&] { ++done; });
    }
    CHECK(done == 0);
    queue.add([&] { ++done; });
    CHECK(done == 1);
    end.set_value();
    queue.finish();
    CHECK(done == WorkQueue::most_waiting + 1);
}

TEST_CASE("what waits when the queue goes is never begun, and what has begun comes to its end") {
    const Processors two(2);
    if (!two.are_there()) {
        SKIP("one processor: nothing ever waits");
    }
    std::promise<void> begun;
    std::promise<void> dropped;
    bool is_done = false;
    bool is_late_one_done = false;
    {
        WorkQueue queue;
        queue.add([&] {
            begun.set_value();
            dropped.get_future().wait();
            is_done = true;
        });
        begun.get_future().wait();
        queue.add([&is_late_one_done, last = std::make_shared<Last>(dropped)] { is_late_one_done = true; });
    }
    CHECK(is_done);
    CHECK_FALSE(is_late_one_done);
}
