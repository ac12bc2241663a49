#include "agent/record/history.hpp"
#include "agent/record/past.hpp"
#include "agent/record/run_report.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace bootwright;
using Catch::Matchers::ContainsSubstring;

namespace {

RunReport a_run(int number, Outcome outcome) {
    RunReport report;
    report.number = number;
    report.started.wall = std::chrono::sys_days(std::chrono::year(2026) / 3 / 3) + std::chrono::hours(12);
    report.finished = Instant{report.started.wall + std::chrono::seconds(10), std::chrono::seconds(10)};
    report.instance = InstanceMetadata{.instance_id = "i-1"};
    report.role = "we\"b\\\n";
    report.revision_resolved = std::string(40, 'a');
    report.puppet.outcome = outcome;
    report.puppet.resources = ResourceCounts{.total = 82, .changed = 2, .failed = 1};
    if (outcome == Outcome::failed) {
        report.error = transient_error("puppet.resources_failed", "1 resource failed", "mend it");
    }
    return report;
}

std::string metrics_after(const RunReport& report) {
    FakeSystem fake;
    keep_report(fake.system, report);
    remember_runs(fake.system);
    return printed_by(fake.system, "metrics");
}

}  // namespace

TEST_CASE("the last run is told under the names that people of Puppet already graph") {
    const std::string text = metrics_after(a_run(7, Outcome::changed));
    CHECK_THAT(text, ContainsSubstring("# TYPE puppet_report gauge\npuppet_report{host=\"i-1\"} 1772539210.0\n") &&
                         ContainsSubstring("puppet_status{state=\"failed\",host=\"i-1\"} 0.0\n"
                                           "puppet_status{state=\"changed\",host=\"i-1\"} 1.0\n") &&
                         ContainsSubstring("puppet_report_resources{name=\"Total\",host=\"i-1\"} 82.0\n") &&
                         ContainsSubstring("puppet_report_time{name=\"Total\",host=\"i-1\"} 10.0\n") &&
                         ContainsSubstring("\nbootwright_run_good 1.0\n"));
}

TEST_CASE("a bad run says which error, and no name breaks out of its quotes") {
    const std::string text = metrics_after(a_run(7, Outcome::failed));
    CHECK_THAT(text, ContainsSubstring("puppet_status{state=\"failed\",host=\"i-1\"} 1.0\n") &&
                         ContainsSubstring("bootwright_run_good 0.0\n") &&
                         ContainsSubstring("{outcome=\"failed\",code=\"puppet.resources_failed\","
                                           "role=\"we\\\"b\\\\ \",revision=\""));
}

TEST_CASE("the present is told of a machine without a history, too") {
    FakeSystem fake;
    CHECK_THAT(printed_by(fake.system, "metrics"),
               ContainsSubstring("bootwright_configured 0.0\n") && !ContainsSubstring("puppet_report"));
    StatusFile(fake.system).update([](Json& status) {
        status["ready"] = true;
        status["blocked"] = {{"error", nullptr}};
        status["daemon"] = {{"heartbeat", {{"wall", "1970-01-01T00:01:00.500Z"}}}, {"next", nullptr}};
    });
    const std::string text = printed_by(fake.system, "metrics");
    CHECK_THAT(text, ContainsSubstring("bootwright_ready 1.0\n") && ContainsSubstring("bootwright_blocked 1.0\n") &&
                         ContainsSubstring("bootwright_daemon_heartbeat_timestamp_seconds 60.0\n") &&
                         !ContainsSubstring("\nbootwright_next_run_timestamp_seconds "));
}

TEST_CASE("the file for the collector is replaced as a whole, and everybody may read it") {
    FakeSystem fake;
    const auto file = fake.root.path() / "bootwright.prom";
    CHECK(printed_by(fake.system, "metrics", {{"--output", file.string()}}).empty());
    const std::string text = fake.root.read("/bootwright.prom");
    CHECK(text.ends_with("\n"));
    CHECK(text == printed_by(fake.system, "metrics"));
    CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms(0644));
}
