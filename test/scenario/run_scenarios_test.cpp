// The one test that plays all rows, with the rows that are no stage's own: good runs, and stops. And what each run says
// and leaves: its status, its history.

#include "test/scenario/scenario.hpp"

#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run.hpp"
#include "common/base/encoding.hpp"
#include "test/fakes/compressed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

HttpResponse busy(const char* retry_after) { return {.status = 503, .headers = {{"retry-after", retry_after}}}; }

std::vector<Scenario> good_scenarios() {
    return {
        {.name = "all is well",
         .outcome = Outcome::changed,
         .status = {{"/instance/id", "i-1234567890abcdef0"},
                    {"/role", "web"},
                    {"/revision/asked", pinned_revision},
                    {"/revision/resolved", pinned_revision},
                    {"/resources/changed", 2},
                    {"/puppet_version", "7.23.0"}},
         .files = {"/var/lib/bootwright/runs/000001/report.json", "/var/lib/bootwright/runs/000001/role_config.json",
                   "/var/lib/bootwright/runs/000001/puppet.jsonl", "/var/lib/bootwright/last_good.json"}},
        {.name = "all is as it should be already",
         .puppet = {recorded_puppet("unchanged")},
         .outcome = Outcome::unchanged},
        {.name = "compressed user-data",
         .served_user_data = encode_base64(to_gzip(role_config())),
         .outcome = Outcome::changed},
        {.name = "user-data after two failures",
         .metadata = {{user_data, {answer(500), timed_out(), answer(200, role_config())}}},
         .outcome = Outcome::changed,
         .slept = platform_delays(2)},
        {.name = "a service that asks for patience",
         .metadata = {{user_data, {busy("20"), answer(200, role_config())}}},
         .outcome = Outcome::changed,
         .slept = {20s}},
        {.name = "a service that asks for more patience than anybody has",
         .metadata = {{user_data, {busy("86400"), answer(200, role_config())}}},
         .outcome = Outcome::changed,
         .slept = {10min}},
        {.name = "a token service that asks for patience",
         .metadata = {{token, {busy("20"), answer(200, "token")}}},
         .outcome = Outcome::changed,
         .slept = {20s}},
        {.name = "a token that expires in the middle",
         .metadata = {{user_data, {answer(401), answer(200, role_config())}}},
         .outcome = Outcome::changed},
        {.name = "a service of version 1, which the image allows",
         .agent_json = R"({"ec2": {"allow_imdsv1": true}})",
         .metadata = {{token, {answer(404)}}},
         .outcome = Outcome::changed},
        {.name = "no user-data, but an image that says everything",
         .agent_json = R"({"role_config": )" + role_config() + "}",
         .metadata = {{user_data, {answer(404)}}},
         .outcome = Outcome::changed},
        {.name = "a git server that is away at first",
         .fetch = {fetch_error(transient_error("server.unreachable", "no route", "check")), ends({.end = End::silent}),
                   good_fetch()},
         .outcome = Outcome::changed,
         .slept = {500ms, 1s}},
        {.name = "resources that fail at first",
         .puppet = {recorded_puppet("changed_with_failures"), recorded_puppet("unchanged")},
         .outcome = Outcome::unchanged,
         .slept = {5s},
         .status = {{"/failed_resources", Json::array()}, {"/resources/failed", 0}}},
        {.name = "a run folder whose status cannot be written",
         .damage = [](FakeMachine& machine) { machine.root.write("/run/bootwright", "a file"); },
         .mend = [](FakeMachine& machine) { machine.root.remove("/run/bootwright"); },
         .outcome = Outcome::changed,
         .files = {"/var/lib/bootwright/last_good.json"}},
        {.name = "noop that finds nothing to do",
         .served_user_data = role_config(R"(, "puppet": {"noop": true})"),
         .puppet = {recorded_puppet("unchanged")},
         .outcome = Outcome::unchanged},
        {.name = "a memory of the last good run that is damaged",
         .damage = [](FakeMachine& machine) { machine.root.write("/var/lib/bootwright/last_good.json", "{"); },
         .outcome = Outcome::changed},
    };
}

std::vector<Scenario> stop_scenarios() {
    const auto stopped = [](const char* name, const char* at, Stage stage) {
        return Scenario{.name = name,
                        .stop_at = at,
                        .outcome = Outcome::interrupted,
                        .code = "stopped",
                        .kind = ErrorKind::stopped,
                        .stage = stage,
                        .files = {"/var/lib/bootwright/runs/000001/report.json"},
                        .no_files = {"/var/lib/bootwright/last_good.json"}};
    };
    Scenario platform_wait = stopped("a stop while the platform stage waits", "sleep", Stage::platform);
    platform_wait.metadata = {{user_data, {answer(500)}}};
    platform_wait.slept = platform_delays(1);
    Scenario repository_wait = stopped("a stop while the repository stage waits", "sleep", Stage::repository);
    repository_wait.fetch = {ends({.end = End::silent})};
    repository_wait.slept = {500ms};
    Scenario puppet_wait = stopped("a stop while the puppet stage waits", "sleep", Stage::puppet);
    puppet_wait.puppet = {recorded_puppet("changed_with_failures")};
    puppet_wait.slept = {5s};
    puppet_wait.status = {{"/failed_resources/0/resource", "Exec[/bin/false]"}};
    return {
        stopped("a stop before anything has begun", "start", Stage::platform),
        stopped("a stop while the service is asked for a token", token, Stage::platform),
        stopped("a stop while the service is asked for user-data", user_data, Stage::platform),
        stopped("a stop while the child fetches", "bootwright-fetch", Stage::repository),
        stopped("a stop while Puppet applies", "apply", Stage::puppet),
        platform_wait,
        repository_wait,
        puppet_wait,
    };
}

std::vector<Scenario> all_scenarios() {
    std::vector<Scenario> all;
    for (auto part : {good_scenarios(), platform_scenarios(), role_scenarios(), repository_scenarios(),
                      clock_scenarios(), network_scenarios(), going_away_scenarios(), dpkg_scenarios(),
                      puppet_scenarios(), health_scenarios(), stop_scenarios()}) {
        std::move(part.begin(), part.end(), std::back_inserter(all));
    }
    return all;
}

}  // namespace

TEST_CASE("a run with a fault ends as it should, and the next one without it converges") {
    const Scenario row = GENERATE(from_range(all_scenarios()));
    CAPTURE(row.name);
    Play stage(row);

    const RunReport report = stage.run();
    CHECK(std::string(report.error ? report.error->code : "") == row.code);
    CHECK(report.is_good() == std::string(row.code).empty());
    CHECK(to_string(report.puppet.outcome) == to_string(row.outcome));
    CHECK(to_string(report.stage) == to_string(row.stage));
    CHECK(report.attempt == row.attempt);
    CHECK(stage.machine.clock.slept == row.slept);
    if (report.error) {
        CHECK(report.error->kind == row.kind);
        CHECK_FALSE(report.error->message.empty());
        CHECK_FALSE(report.error->advice.empty());
    }

    // The status says the same, in a file that is valid whatever happened.
    const StatusFile status_file(stage.machine.system);
    const Json status = status_file.read();
    if (row.damage == nullptr || stage.machine.root.exists("/run/bootwright/status.json")) {
        const Json& run = status.at("run");
        REQUIRE(run.is_object());
        CHECK(run.at("state") == "finished");
        CHECK(run.at("outcome") == to_string(row.outcome));
        CHECK((run.at("error").is_null() ? "" : run.at("error").at("code")) == row.code);
        CHECK(run.at("heartbeat").at("monotonic_s") == run.at("finished").at("monotonic_s"));
        CHECK(status.at("configured").is_null() == !report.is_good());
        for (const auto& [pointer, value] : row.status) {
            CAPTURE(pointer);
            CHECK(run.value(Json::json_pointer(pointer), Json("(absent)")) == value);
        }
    }
    for (const char* file : row.files) {
        CAPTURE(file);
        CHECK(stage.machine.root.exists(file));
    }
    for (const char* file : row.no_files) {
        CAPTURE(file);
        CHECK_FALSE(stage.machine.root.exists(file));
    }
    check_no_secret(stage);

    stage.mend();
    const RunReport next = stage.run(row.then_because);
    CHECK(to_string(next.puppet.outcome) == to_string(row.then));
    CHECK(next.is_good());
    const Json then = status_file.read();
    CHECK(then.at("run").at("number") == next.number);
    CHECK(then.at("configured").at("run") == next.number);
    CHECK(then.at("configured").at("revision") == pinned_revision);
    CHECK(then.at("run").at("error").is_null());
    CHECK(read_last_good(stage.machine.system).value().revision == pinned_revision);
    check_no_secret(stage);
}

TEST_CASE("a run that changes nothing after one that did is unchanged") {
    const Scenario row{.name = "good", .then = Outcome::unchanged};
    Play stage(row);
    CHECK(stage.run().puppet.outcome == Outcome::changed);
    stage.mend();
    CHECK(stage.run().puppet.outcome == Outcome::unchanged);
}

TEST_CASE("what a run changed is on the disks before the status says that it is configured") {
    const Scenario row{.name = "good", .then = Outcome::unchanged};
    Play stage(row);
    Json seen;
    stage.machine.processes.answer(
        "--file-system", {.work = [&](const ProcessRequest&) { seen = StatusFile(stage.machine.system).read(); }});
    REQUIRE(stage.run().is_good());
    CHECK(seen.at("run").at("state") == "running");
    CHECK(seen.at("configured").is_null());
    stage.mend();
    REQUIRE(stage.run().is_good());
    CHECK(stage.machine.processes.started("--file-system").size() == 1);  // nothing was changed since
}

TEST_CASE("at a boot that is not the first, Puppet comes after what systemd still starts") {
    const Scenario row{.name = "good"};
    Play stage(row);
    FakeProcesses& processes = stage.machine.processes;
    processes.answer("list-jobs", {{.lines = {"1 nginx.service start running"}}, Script{}});
    REQUIRE(stage.run(RunCause::boot).is_good());
    CHECK(processes.started("list-jobs").empty());  // what is to be started is not known yet
    REQUIRE(stage.run(RunCause::schedule).is_good());
    CHECK(processes.started("list-jobs").empty());
    REQUIRE(stage.run(RunCause::boot).is_good());
    CHECK(processes.started("list-jobs").size() == 2);
    CHECK(stage.machine.clock.slept == std::vector<std::chrono::milliseconds>{200ms});
}

TEST_CASE("a failure after a good run leaves the instance configured as it was") {
    const Scenario row{.name = "good"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.processes.answer("bootwright-fetch",
                                   fetch_error(permanent_error("git.revision_not_found", "what", "do")));
    const RunReport failed = stage.run();
    CHECK(failed.number == 2);
    CHECK_FALSE(failed.is_good());
    const Json status = StatusFile(stage.machine.system).read();
    CHECK(status.at("configured").at("run") == 1);
    CHECK(read_last_good(stage.machine.system).value().revision == pinned_revision);
}

TEST_CASE("the status shows each wait while it lasts") {
    const Scenario row{.name = "away", .fetch = {ends({.end = End::silent}), good_fetch()}};
    Play stage(row);
    Json seen;
    stage.machine.clock.on_sleep = [&](std::size_t) { seen = StatusFile(stage.machine.system).read().at("run"); };
    stage.run();
    CHECK(seen.at("state") == "running");
    CHECK(seen.at("stage") == "repository");
    CHECK(seen.at("attempt") == 1);
    CHECK(seen.at("attempts") == 5);
    CHECK(seen.at("retry").at("delay_s") == 0.5);
    CHECK(seen.at("retry").at("error").at("code") == "server.stalled");
    CHECK(seen.at("retry").at("at").at("monotonic_s") == 5.5);
    CHECK(seen.at("role") == "web");
}

TEST_CASE("the history keeps as many runs as configuration says") {
    const Scenario row{.name = "good", .agent_json = R"({"history": {"keep": 2}})"};
    Play stage(row);
    for (int i = 0; i < 4; ++i) {
        CHECK(stage.run().number == i + 1);
    }
    CHECK_FALSE(stage.machine.root.exists("/var/lib/bootwright/runs/000002"));
    CHECK(stage.machine.root.exists("/var/lib/bootwright/runs/000003"));
    CHECK(stage.machine.root.exists("/var/lib/bootwright/runs/000004"));
}

TEST_CASE("a history that cannot be kept does not make a good run bad") {
    const Scenario row{.name = "full",
                       .puppet = {[] {
                           Script script = recorded_puppet("changed");
                           script.work = [](const ProcessRequest& request) {
                               leave_traces("changed", request);
                               // The report cannot be renamed over a folder.
                               std::filesystem::create_directory(
                                   std::filesystem::path(option_of(request, "publicdir")) / "report.json");
                           };
                           return script;
                       }()}};
    Play stage(row);
    const RunReport report = stage.run();
    CHECK(report.is_good());
    REQUIRE_FALSE(report.warnings.empty());
    CHECK(report.warnings.back().find("record is not complete") != std::string::npos);
    CHECK(StatusFile(stage.machine.system).read().at("configured").at("run") == 1);
}
