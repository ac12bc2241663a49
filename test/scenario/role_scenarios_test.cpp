#include "test/scenario/scenario.hpp"

#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run.hpp"
#include "test/fakes/compressed.hpp"

#include <catch2/catch_test_macros.hpp>

namespace bootwright {

std::vector<Scenario> role_scenarios() {
    const auto row = [](const char* name, std::string text, const char* code) {
        return Scenario{
            .name = name,
            .served_user_data = std::move(text),
            .code = code,
            .stage = Stage::role,
            .status = {{"/error/stage", "role"},
                       {"/error/kind", "permanent"},
                       {"/role", nullptr},
                       {"/instance/id", "i-1234567890abcdef0"}},
            .files = {"/var/lib/bootwright/runs/000001/report.json"},
            .no_files = {"/var/lib/bootwright/runs/000001/puppet.jsonl", "/var/lib/bootwright/last_good.json"}};
    };
    return {
        {.name = "an instance without user-data",
         .metadata = {{user_data, {answer(404)}}},
         .code = "role.no_user_data",
         .stage = Stage::role},
        {.name = "an instance whose user-data is proven empty",
         .metadata = {{user_data, {answer(204)}}},
         .code = "role.no_user_data",
         .stage = Stage::role},
        row("user-data is empty", "", "role.no_user_data"),
        row("user-data is white space", " \r\n\t ", "role.no_user_data"),
        row("user-data is no JSON", "role: web\nrevision: main\n", "role.invalid"),
        row("user-data is JSON of another kind", "[\"web\"]", "role.invalid"),
        row("user-data is binary",
            std::string("\x7f"
                        "ELF\2\1\1\0\0",
                        9),
            "role.user_data_not_ours"),
        row("user-data is in another encoding", "role: caf\xe9\n", "role.user_data_damaged"),
        row("user-data is truncated", role_config().substr(0, role_config().size() / 2), "role.invalid"),
        row("user-data is truncated gzip", to_gzip(role_config()).substr(0, 40), "role.user_data_damaged"),
        row("user-data is a gzip bomb", to_gzip(std::string(std::size_t{8} << 20U, ' ')), "role.user_data_damaged"),
        row("user-data is a script", "#!/bin/sh\nrm -rf /\n", "role.user_data_not_ours"),
        row("user-data is a cloud-config", "#cloud-config\npackages: []\n", "role.user_data_not_ours"),
        row("user-data has a wrong type", R"({"role": ["web"]})", "role.invalid"),
        row("user-data has an unknown key", R"({"rol": "web"})", "role.invalid"),
        row("user-data has a key twice", R"({"role": "web", "role": "db"})", "role.invalid"),
        row("user-data has a number that no computer can hold", R"({"facts": {"x": 1e999}})", "role.invalid"),
        row("user-data is nested without end", "{\"facts\": {\"x\": " + std::string(100000, '['), "role.invalid"),
        row("user-data has a key of a megabyte", "{\"" + std::string(1000000, 'k') + "\": 1}", "role.invalid"),
        row("user-data has a key of more than a megabyte, compressed",
            to_gzip("{\"" + std::string(1200000, 'k') + "\": 1}"), "role.invalid"),
        row("user-data names a branch, which the image does not allow",
            R"({"role": "web", "repository": {"url": "https://h/x", "revision": "main"}})", "role.invalid"),
        row("user-data lacks the repository", R"({"role": "web"})", "role.incomplete"),
        row("user-data gives Puppet no time at all", role_config(R"(, "puppet": {"timeout": "0s"})"), "role.invalid"),
        {.name = "the image's part of the role config is wrong",
         .agent_json = R"({"role_config": {"role": 5}})",
         .code = "config.invalid",
         .stage = Stage::role},
        {.name = "the state folder cannot be written",
         .damage = [](FakeMachine& machine) { machine.root.write("/var/lib/bootwright", "a file"); },
         .mend = [](FakeMachine& machine) { machine.root.remove("/var/lib/bootwright"); },
         .code = "io.failed",
         .kind = ErrorKind::transient,
         .stage = Stage::role},
    };
}

TEST_CASE("a role config that is refused leaves the machine on the one before, and the run is not good") {
    const Scenario row{.name = "refused"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.http.answer(user_data, R"({"role": "db", "rol": 1})");
    const RunReport report = stage.run();
    CHECK_FALSE(report.is_good());
    CHECK(report.error->code == "role.invalid");
    CHECK(report.stage == Stage::role);
    REQUIRE(report.kept);
    CHECK(report.role == "web");
    CHECK(report.puppet.outcome == Outcome::changed);  // the old one was applied
    CHECK(stage.machine.processes.started("apply").size() == 2);
    const Json status = StatusFile(stage.machine.system).read();
    CHECK(status.at("run").at("error").at("stage") == "role");
    CHECK(status.at("configured").at("run") == 1);
    CHECK(read_last_good(stage.machine.system).value().run == 1);
    const RunReport again = stage.run();
    CHECK(again.fingerprint == report.fingerprint);  // what was seen is the refused one: no watch wakes up for it again
    stage.mend();
    CHECK(stage.run().is_good());
}

TEST_CASE("a first run with a role config that is refused applies nothing") {
    const Scenario row{.name = "refused at first"};
    Play stage(row);
    stage.machine.http.answer(user_data, R"({"role": "db", "rol": 1})");
    CHECK(stage.run().error->code == "role.invalid");
    CHECK(stage.machine.processes.started("apply").empty());
}

}  // namespace bootwright
