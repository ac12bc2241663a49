#include "common/base/side_by_side.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <vector>

using namespace bootwright;

TEST_CASE("each piece of work is done once, and as many at once as may be") {
    for (const std::size_t count : {0U, 1U, 4U, 100U}) {
        std::vector<std::atomic<int>> done(count);
        std::atomic<int> under_way{0};
        std::atomic<bool> are_too_many{false};
        side_by_side(count, 4, [&](std::size_t number) {
            are_too_many = are_too_many || ++under_way > 4;
            ++done[number];
            --under_way;
        });
        for (const auto& times : done) {
            CHECK(times == 1);
        }
        CHECK_FALSE(are_too_many);
    }
    std::latch all_are_there(4);  // would wait for ever if they did not run at once
    side_by_side(4, 4, [&](std::size_t) { all_are_there.arrive_and_wait(); });
}

TEST_CASE("after a failure nothing new begins, and it is thrown when the rest has ended") {
    std::atomic<int> begun{0};
    const auto fail = [&](std::size_t) {
        ++begun;
        throw std::runtime_error("no");
    };
    CHECK_THROWS_AS(side_by_side(1000, 4, fail), std::runtime_error);
    CHECK(begun <= 4);
}
