#include "agent/record/history.hpp"
#include "agent/record/past.hpp"
#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace bootwright;

namespace {

/// A machine with one run.
struct Machine : FakeSystem {
    Machine() {
        RunReport report{.number = 1};
        report.started.since_boot = std::chrono::seconds(5);
        report.finished = Instant{{}, std::chrono::seconds(15)};
        report.steps = {{RunReport::Step::Kind::stage, "platform", {}, std::chrono::seconds(10)}};
        report.puppet.outcome = Outcome::changed;
        keep_report(system, report);
        remember_runs(system);
    }
};

}  // namespace

TEST_CASE("the timeline is that of the last run, as a drawing or as lines") {
    const Machine machine;
    CHECK(printed_by(machine.system, "timeline").find("<svg") != std::string::npos);
    CHECK(printed_by(machine.system, "timeline", {{"--text", ""}})
              .ends_with("\n     0.000    10.000  |========================| platform\n"));
}

TEST_CASE("a run whose report is gone has no timeline, and says so") {
    const Machine machine;
    std::filesystem::remove_all(run_folder(machine.system, 1));
    CHECK(error_of([&] {
              return run_command(machine.system, "timeline", {{"RUN", "1"}});
          }).code == "timeline.no_report");
}
