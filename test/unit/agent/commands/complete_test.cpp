#include "agent/commands/complete.hpp"

#include "agent/commands/command_line.hpp"
#include "agent/record/history.hpp"
#include "agent/record/past.hpp"
#include "agent/record/run_report.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>

using namespace bootwright;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string completed(const FakeSystem& fake, const std::string& value) {
    return printed_by(fake.system, "complete", {{"VALUE", value}});
}

}  // namespace

TEST_CASE("a shell is told of runs, and of each revision once, the newest first") {
    FakeSystem fake;
    for (const int number : {1, 2, 3}) {
        RunReport report;
        report.number = number;
        report.started.wall = std::chrono::sys_days(std::chrono::year(2026) / 3 / number) + std::chrono::hours(12);
        report.finished = Instant{report.started.wall + std::chrono::seconds(10), std::chrono::seconds(10)};
        report.revision_resolved = std::string(40, number == 2 ? 'b' : 'a');
        report.puppet.outcome = Outcome::changed;
        keep_report(fake.system, report);
    }
    remember_runs(fake.system);
    CHECK(completed(fake, "RUN") ==
          "last_good the last good run\n"
          "3 2026-03-03T12:00 changed\n"
          "2 2026-03-02T12:00 changed\n"
          "1 2026-03-01T12:00 changed\n");
    CHECK(completed(fake, "REVISION") == std::string(40, 'a') + " run 3, 2026-03-03T12:00 changed\n" +
                                             std::string(40, 'b') + " run 2, 2026-03-02T12:00 changed\n");
}

TEST_CASE("a shell is told of each error, and a machine without a history has no runs") {
    FakeSystem fake;
    CHECK_THAT(completed(fake, "CODE"), ContainsSubstring("\nrun.locked Another run is under way on this machine"));
    CHECK_THAT(completed(fake, "PLATFORM"), ContainsSubstring("\nec2 user-data of 16384 bytes at most\n"));
    CHECK(completed(fake, "REVISION").empty());
    CHECK_THROWS_AS(run_command(fake.system, "complete", {{"VALUE", "NOTHING"}}), UsageError);
}

TEST_CASE("what the program completes is the value of an option or argument of some command") {
    std::vector<std::string> wanted;
    for (const Command* command : all_commands()) {
        for (const CommandOption& option : command->options) {
            wanted.push_back(value_name(option));
        }
    }
    for (const std::string& value : completed_values()) {
        CHECK(std::find(wanted.begin(), wanted.end(), value) != wanted.end());
    }
}
