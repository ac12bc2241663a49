#include "agent/record/run_steps.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("of a run that tries without end, a hundred steps are noted, and each comes to its end") {
    RunReport report;
    begin_stage_step(report, Stage::repository, 0ms);
    for (int attempt = 2; attempt <= 200; ++attempt) {
        begin_waiting_step(report, RunReport::Step::Kind::pause, "after a.b", 1ms);
        begin_waiting_step(report, RunReport::Step::Kind::pause, "", 2ms);
    }
    end_steps(report, 3ms);
    REQUIRE(report.steps.size() == 100);
    CHECK(report.steps.front().took == 3ms);
    CHECK(report.steps.back().took == 1ms);
}
