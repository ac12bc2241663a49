#include "agent/record/run_report.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

Instant at(std::chrono::milliseconds since_boot) {
    return {std::chrono::system_clock::time_point(1795383092123ms) + since_boot, since_boot};
}

RunReport running() {
    RunReport report;
    report.number = 42;
    report.agent = {100, 200};
    report.started = report.stage_started = report.heartbeat = at(1s);
    return report;
}

}  // namespace

TEST_CASE("a run that has just begun is written with every key that the schema names") {
    const Json json = to_json(running());
    CHECK(json.at("number") == 42);
    CHECK(json.at("state") == "running");
    CHECK(json.at("pid") == 100);
    CHECK(json.at("pid_start") == 200);
    CHECK(json.at("started").at("monotonic_s") == 1.0);
    CHECK(json.at("started").at("wall") == "2026-11-22T21:31:33.123Z");
    CHECK(json.at("stage") == "platform");
    CHECK(json.at("attempt") == 1);
    CHECK(json.at("attempts") == 1);
    for (const char* key :
         {"retry", "progress", "child", "finished", "duration_s", "outcome", "error", "role", "instance", "resources",
          "commit", "puppet_version", "puppet_start", "puppet_cold_because"}) {
        CAPTURE(key);
        CHECK(json.at(key).is_null());
    }
    CHECK(json.at("revision") == Json{{"asked", nullptr}, {"resolved", nullptr}});
    CHECK(json.at("failed_resources") == Json::array());
    CHECK(json.at("warnings") == Json::array());
    CHECK(json.at("health") == Json::array());
    CHECK(json.at("announced") == Json::array());
}

TEST_CASE("a run that waits shows when it tries again, and why it has to") {
    RunReport report = running();
    report.stage = Stage::repository;
    report.attempt = 2;
    report.attempts = 5;
    report.retry = RunReport::Retry{at(10s), 2500ms, transient_error("server.unreachable", "no route", "check")};
    const Json retry = to_json(report).at("retry");
    CHECK(retry.at("delay_s") == 2.5);
    CHECK(retry.at("at").at("monotonic_s") == 10.0);
    CHECK(retry.at("error") == Json{{"stage", "repository"},
                                    {"kind", "transient"},
                                    {"code", "server.unreachable"},
                                    {"message", "no route"},
                                    {"advice", "check"}});
}

TEST_CASE("a finished run shows its outcome, its numbers and what failed") {
    RunReport report = running();
    report.finished = at(13300ms);
    report.stage = Stage::puppet;
    report.role = "web";
    report.revision_asked = "main";
    report.revision_resolved = "0123456789abcdef0123456789abcdef01234567";
    report.instance =
        InstanceMetadata{.platform = "ec2", .instance_id = "i-1", .region = "eu-west-1", .user_data = "hunter2"};
    report.puppet = {
        .outcome = Outcome::changed_with_failures,
        .resources = ResourceCounts{82, 3, 1, 2, 4},
        .failed_resources = {{"Exec[x]", "it failed", "manifests/site.pp", 7}, {"Exec[y]", "no place", "", 0}},
        .warnings = {"from Puppet"},
        .version = "7.23.0",
        .catalog_digest = "abc",
        .phases = {{"facts", 1.5, 20.25}},
        .slowest = {{"Exec[x]", 3.25}},
        .slow_facts = {{"custom", 0.5}},
        .start = {PuppetStart::Way::cold, "it died"}};
    report.warnings = {"from the agent"};
    report.error = transient_error("puppet.resources_failed", "1 of 82", "see");
    const Json json = to_json(report);
    CHECK(json.at("state") == "finished");
    CHECK(json.at("duration_s") == 12.3);
    CHECK(json.at("outcome") == "changed_with_failures");
    CHECK(json.at("revision") == Json{{"asked", "main"}, {"resolved", "0123456789abcdef0123456789abcdef01234567"}});
    CHECK(json.at("instance").at("id") == "i-1");
    CHECK(json.at("instance").at("region") == "eu-west-1");
    CHECK(json.at("instance").at("zone").is_null());
    CHECK(json.at("resources") ==
          Json{{"total", 82}, {"changed", 3}, {"failed", 1}, {"skipped", 2}, {"out_of_sync", 4}});
    CHECK(json.at("failed_resources").at(0) ==
          Json{{"resource", "Exec[x]"}, {"message", "it failed"}, {"file", "manifests/site.pp"}, {"line", 7}});
    CHECK(json.at("failed_resources").at(1).at("file").is_null());
    CHECK(json.at("failed_resources").at(1).at("line").is_null());
    CHECK(json.at("warnings") == Json{"from the agent", "from Puppet"});
    CHECK(json.at("error").at("stage") == "puppet");
    CHECK(json.at("puppet_version") == "7.23.0");
    CHECK(json.at("catalog_digest") == "abc");
    CHECK(json.at("phases") == Json::parse(R"([{"phase": "facts", "seconds": 1.5, "from_s": 19.25}])"));
    CHECK(json.at("slowest") == Json::parse(R"([{"resource": "Exec[x]", "seconds": 3.25, "from_s": null}])"));
    CHECK(json.at("slow_facts") == Json::parse(R"([{"fact": "custom", "seconds": 0.5, "from_s": null}])"));
    CHECK(json.at("puppet_start") == "cold");
    CHECK(json.at("puppet_cold_because") == "it died");
    CHECK(to_line(json).find("hunter2") == std::string::npos);
}

TEST_CASE("what the commit says of itself is told as far as it is known") {
    RunReport report = running();
    report.commit = {.subject = "Serve the site",
                     .author = "Ann Example",
                     .written = 1795383092,
                     .tag = "v1.4",
                     .before = std::string(40, 'f'),
                     .files_changed = 3};
    CHECK(to_json(report).at("commit") == Json{{"subject", "Serve the site"},
                                               {"author", "Ann Example"},
                                               {"date", "2026-11-22T21:31:32.000Z"},
                                               {"tag", "v1.4"},
                                               {"since", {{"revision", std::string(40, 'f')}, {"files", 3}}}});
    report.commit = {.author = "Ann Example"};
    const Json less = to_json(report).at("commit");
    CHECK(less.at("subject") == "");
    for (const char* key : {"date", "tag", "since"}) {
        CHECK(less.at(key).is_null());
    }
}

TEST_CASE("what noop left as it is stands there with its place, and without what Puppet says of it") {
    RunReport report = running();
    report.puppet.drifted_resources = {{"File[/etc/motd]", "", "site.pp", 7}, {"Exec[x]", ""}};
    CHECK(to_json(report).at("drifted_resources") ==
          Json{{{"resource", "File[/etc/motd]"}, {"file", "site.pp"}, {"line", 7}},
               {{"resource", "Exec[x]"}, {"file", nullptr}, {"line", nullptr}}});
}

TEST_CASE("a run is good only once it has ended without an error") {
    RunReport report = running();
    CHECK_FALSE(report.is_good());
    report.finished = at(2s);
    CHECK(report.is_good());
    report.error = transient_error("a.b", "c", "d");
    CHECK_FALSE(report.is_good());
}

TEST_CASE("one line tells where the run stands") {
    RunReport report = running();
    CHECK(one_line(report) == "platform");
    report.stage = Stage::repository;
    report.attempt = 2;
    report.attempts = 5;
    CHECK(one_line(report) == "repository, attempt 2 of 5");
    report.progress = RunReport::Progress{"objects", 12, 82};
    CHECK(one_line(report) == "repository, attempt 2 of 5: objects 12 of 82");
    report.progress->total = 0;
    CHECK(one_line(report) == "repository, attempt 2 of 5");
    report.retry = RunReport::Retry{at(9s), 2500ms, transient_error("server.unreachable", "no route", "check")};
    CHECK(one_line(report) == "repository, attempt 2 of 5 failed (server.unreachable), next in 2.5 s");
    report.finished = at(9s);
    report.role = "web";
    report.revision_resolved = "0123456789abcdef0123456789abcdef01234567";
    report.puppet.outcome = Outcome::unchanged;
    CHECK(one_line(report) == "configured: role web at 0123456789ab, unchanged");
    report.role.clear();
    CHECK(one_line(report) == "configured: at 0123456789ab, unchanged");
    report.error = permanent_error("a.b", "what", "do");
    CHECK(one_line(report) == "failed in repository: a.b: what");
}

TEST_CASE("one line is one line, whatever Puppet or a server said") {
    // It goes to systemd as STATUS=: a line break would begin another assignment, such as MAINPID=1.
    RunReport report = running();
    report.finished = at(2s);
    report.error = transient_error("puppet.run_failed", "reason\nMAINPID=1\r\x1b[2Jx\x7f", "do");
    const std::string line = one_line(report);
    CHECK(std::none_of(line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
    report.error->message = "\xff";
    CHECK(is_text(one_line(report)));
}

TEST_CASE("one line is not longer than anybody reads") {
    RunReport report = running();
    report.finished = at(2s);
    report.error = transient_error("role.invalid", std::string(100000, 'x'), "do");
    CHECK(one_line(report) == shortened("failed in platform: role.invalid: " + std::string(100000, 'x'), 400));
}

TEST_CASE("stages have the names that status.json shows") {
    CHECK(to_string(Stage::platform) == "platform");
    CHECK(to_string(Stage::role) == "role");
    CHECK(to_string(Stage::repository) == "repository");
    CHECK(to_string(Stage::puppet) == "puppet");
    CHECK(to_string(Stage::health) == "health");
    CHECK(to_string(Stage::record) == "record");
}
