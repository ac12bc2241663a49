#include "test/scenario/scenario.hpp"

#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run.hpp"

#include <catch2/catch_test_macros.hpp>

namespace bootwright {

std::vector<Scenario> platform_scenarios() {
    const Stage stage = Stage::platform;
    return {
        {.name = "the image's configuration is damaged",
         .agent_json = "{\"platform\": \"ec2\",}",
         .code = "config.invalid",
         .stage = stage,
         .status = {{"/error/kind", "permanent"}, {"/instance", nullptr}}},
        {.name = "the image's configuration holds a number that no computer can hold",
         .agent_json = R"({"history": {"keep": 1e999}})",
         .code = "config.invalid",
         .stage = stage},
        {.name = "the image names a platform that does not exist",
         .agent_json = R"({"platform": "ec3"})",
         .code = "platform.unknown_name",
         .stage = stage},
        {.name = "a machine that nobody recognises",
         .damage = [](FakeMachine& machine) { machine.root.remove("/sys"); },
         .mend = [](FakeMachine& machine) { machine.root.copy(fixture_path("ec2/root-nitro")); },
         .code = "platform.not_recognised",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 30,
         .slept = platform_delays(29)},
        {.name = "the metadata service is switched off",
         .metadata = {{token, {answer(403)}}},
         .code = "platform.metadata_disabled",
         .stage = stage},
        {.name = "a service of version 1, which the image does not allow",
         .metadata = {{token, {answer(404)}}},
         .code = "platform.token_missing",
         .stage = stage},
        {.name = "a metadata service that fails again and again",
         .metadata = {{user_data, {answer(500)}}},
         .code = "platform.unexpected_answer",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 30,
         .slept = platform_delays(29),
         .status = {{"/attempts", 30}, {"/retry", nullptr}}},
        {.name = "a silence after connect",
         .metadata = {{token, {timed_out()}}},
         .code = "http.timeout",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 30,
         .slept = platform_delays(29)},
        {.name = "a token that is refused again and again",
         .agent_json = R"({"retry": {"platform": {"attempts": 2}}})",
         .metadata = {{identity, {answer(401)}}},
         .code = "platform.token_refused",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 2,
         .slept = platform_delays(1)},
        {.name = "a portal's page instead of the identity document",
         .agent_json = R"({"retry": {"platform": {"attempts": 2}}})",
         .metadata = {{identity, {answer(200, "<html>captive portal</html>")}}},
         .code = "platform.unexpected_answer",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 2,
         .slept = platform_delays(1)},
        {.name = "a metadata service that redirects",
         .agent_json = R"({"retry": {"platform": {"attempts": 1}}})",
         .metadata = {{user_data,
                       {HttpResponse{.status = 302, .headers = {{"location", "http://evil.example.com/"}}}}}},
         .code = "platform.unexpected_answer",
         .kind = ErrorKind::transient,
         .stage = stage},
        {.name = "ten megabytes of user-data",
         .served_user_data = std::string(std::size_t{10} << 20U, '{'),
         .code = "http.too_large",
         .stage = stage},
    };
}

std::vector<Scenario> going_away_scenarios() {
    const auto with_notice = [](const char* name, const char* path, const char* body) {
        std::map<std::string, Answers> answers{{"GET /latest/meta-data/spot/instance-action", {answer(404)}}};
        answers[std::string("GET /latest/meta-data/") + path] = {answer(200, body)};
        return Scenario{.name = name,
                        .metadata = answers,
                        .puppet = {ends({.exit_code = 1})},
                        .mend =
                            [path](FakeMachine& machine) {
                                machine.http.answer_status(std::string("GET /latest/meta-data/") + path, 404);
                            },
                        .outcome = Outcome::interrupted,
                        .code = "platform.going_away",
                        .kind = ErrorKind::stopped,
                        .stage = Stage::puppet,
                        .status = {{"/revision/resolved", pinned_revision}, {"/error/retry_after_ms", 600000}},
                        .no_files = {"/var/lib/bootwright/runs/000001/puppet.jsonl"}};
    };
    return {
        with_notice("a spot interruption", "spot/instance-action",
                    R"({"action": "terminate", "time": "2026-11-22T21:33:00Z"})"),
        with_notice("the end in an Auto Scaling group", "autoscaling/target-lifecycle-state", "Terminated"),
        {.name = "a warm pool's instance is configured before it is stopped",
         .metadata = {{"GET /latest/meta-data/spot/instance-action", {answer(404)}},
                      {"GET /latest/meta-data/autoscaling/target-lifecycle-state", {answer(200, "Warmed:Stopped")}}},
         .outcome = Outcome::changed},
        {.name = "no answer is no notice",
         .metadata = {{"GET /latest/meta-data/spot/instance-action", {timed_out()}}},
         .outcome = Outcome::changed},
        {.name = "rubbish is no notice",
         .metadata = {{"GET /latest/meta-data/spot/instance-action", {answer(200, "rubbish")}}},
         .outcome = Outcome::changed},
    };
}

TEST_CASE("a rebooted machine whose metadata service is dead goes by the role config that was accepted, and says so") {
    const Scenario row{.name = "dead service"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n");
    stage.machine.http.answer(token, {timed_out()});
    const RunReport report = stage.run();
    CHECK(report.is_good());
    REQUIRE(report.kept);
    CHECK(report.kept->because.code == "http.timeout");
    CHECK(report.role == "web");
    CHECK(report.instance->instance_id == "i-1234567890abcdef0");
    CHECK(stage.machine.clock.slept.size() == 4);  // not for minutes
    const Json kept = StatusFile(stage.machine.system).read().at("run").at("kept");
    CHECK(kept.at("because").at("code") == "http.timeout");
    CHECK(kept.at("because").at("stage") == "platform");
    check_no_secret(stage);
}

TEST_CASE("a copy of the disk does not go by what was accepted elsewhere: it waits for its own metadata") {
    const Scenario row{.name = "a copy"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n");
    stage.machine.root.write("/sys/class/dmi/id/product_uuid", "ec200000-0000-4000-8000-000000000002\n");
    stage.machine.http.answer(token, {timed_out()});
    const RunReport report = stage.run();
    CHECK_FALSE(report.kept);
    CHECK(report.error->code == "http.timeout");
    CHECK(stage.machine.clock.slept.size() == 29);
    CHECK(stage.machine.processes.started("apply").size() == 1);
}

TEST_CASE("another instance id is a first boot: nothing of the instance that the image was taken from stays") {
    const Scenario row{.name = "another instance"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.root.write("/var/lib/bootwright/puppet/var/state/x", "stale");
    stage.machine.http.answer(identity, R"({"instanceId": "i-other"})");
    stage.machine.http.answer(user_data, "{\"rol\": 1}");
    const RunReport report = stage.run();
    CHECK_FALSE(report.kept);  // what another instance was accepted with means nothing here
    CHECK(report.error->code == "role.invalid");
    REQUIRE(report.warnings.size() == 1);
    CHECK(report.warnings[0].find("i-1234567890abcdef0") != std::string::npos);
    CHECK_FALSE(read_last_good(stage.machine.system));
    CHECK_FALSE(stage.machine.root.exists("/var/lib/bootwright/runs/000001"));
    CHECK_FALSE(stage.machine.root.exists("/var/lib/bootwright/puppet/var/state/x"));
    CHECK_FALSE(stage.machine.root.exists("/var/lib/bootwright/instance.json"));
}

}  // namespace bootwright
