// A second repository, of configuration: it says what the instance is to be, or is data that others read.

#include "test/scenario/scenario.hpp"

#include "agent/record/status_file.hpp"
#include "agent/run/run.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace bootwright;

namespace {

constexpr const char* configuration_revision = "fedcba9876543210fedcba9876543210fedcba98";

/// User-data that says nothing but where the instance's configuration is.
std::string only_configuration() {
    return to_line({{"configuration",
                     {{"url", "https://user:" + std::string(url_secret) + "@git.example.com/instances.git"},
                      {"revision", configuration_revision},
                      {"path", "eu/web.json"}}}});
}

/// A child that fetches the configuration repository, in which there is this file.
Script fetch_of_configuration(const FakeMachine& machine, const std::string& path, const std::string& content) {
    const std::string folder = "/var/lib/bootwright/configuration/" + std::string(configuration_revision);
    machine.root.write(folder + "/" + path, content);
    return {
        .lines = {R"({"place": {"place": "https://git.example.com/instances.git", "said": "gave it", "seconds": 1}})",
                  to_line({{"checkout", {{"revision", configuration_revision}, {"signer", ""}}}})}};
}

}  // namespace

TEST_CASE("a file of a second repository says what the instance is to be") {
    const Scenario row{.name = "configuration", .served_user_data = only_configuration()};
    Play stage(row);
    stage.machine.processes.answer("bootwright-fetch",
                                   {fetch_of_configuration(stage.machine, "eu/web.json", role_config()), good_fetch()});
    const RunReport report = stage.run();
    CHECK(report.is_good());
    CHECK(report.role == "web");
    CHECK(report.configuration_asked == configuration_revision);
    CHECK(report.configuration_resolved == configuration_revision);
    CHECK(report.revision_resolved == pinned_revision);
    const auto children = stage.machine.processes.started("bootwright-fetch");
    REQUIRE(children.size() == 2);
    const auto state = stage.machine.system.state();
    CHECK(Json::parse(children[0].input).at("checkouts") == (state / "configuration").string());
    CHECK(Json::parse(children[0].input).at("revision") == configuration_revision);
    CHECK(Json::parse(children[1].input).at("checkouts") == (state / "checkout").string());
    CHECK(std::filesystem::read_symlink(state / "configuration/current") == configuration_revision);
    const Json run = StatusFile(stage.machine.system).read().at("run");
    CHECK(run.at("configuration") == Json{{"asked", configuration_revision}, {"resolved", configuration_revision}});
    CHECK(run.at("places").at(0).at("said") == "gave it");
    check_no_secret(stage);
}

TEST_CASE("a configuration repository without the file applies nothing, and says where it looked") {
    const Scenario row{.name = "no file", .served_user_data = only_configuration()};
    Play stage(row);
    stage.machine.processes.answer("bootwright-fetch",
                                   {fetch_of_configuration(stage.machine, "us/web.json", role_config()), good_fetch()});
    const RunReport report = stage.run();
    REQUIRE(report.error);
    CHECK(report.error->code == "role.no_configuration_file");
    CHECK(report.error->kind == ErrorKind::permanent);
    CHECK(report.error->message.find("eu/web.json") != std::string::npos);
    CHECK(stage.machine.processes.started("apply").empty());
    stage.mend();
    CHECK(stage.run().is_good());
}

TEST_CASE("a second repository of which no file is read is fetched all the same") {
    const Scenario row{
        .name = "data",
        .served_user_data = role_config(R"(, "configuration": {"url": "https://h/data.git", "revision": ")" +
                                        std::string(configuration_revision) + "\"}")};
    Play stage(row);
    stage.machine.processes.answer("bootwright-fetch",
                                   {fetch_of_configuration(stage.machine, "common.yaml", "a: 1\n"), good_fetch()});
    CHECK(stage.run().is_good());
    CHECK(stage.machine.processes.started("bootwright-fetch").size() == 2);
}

TEST_CASE("the data that others read is that of the last good run, until a newer catalog compiles") {
    const std::string newer_configuration = "cccccccccccccccccccccccccccccccccccccccc";
    const auto wants = [&](const std::string& revision) {
        return role_config(R"(, "configuration": {"url": "https://h/data.git", "revision": ")" + revision + "\"}");
    };
    const Scenario row{.name = "data", .served_user_data = wants(configuration_revision)};
    Play stage(row);
    const auto link = stage.machine.system.state() / "configuration/current";
    stage.machine.processes.answer("bootwright-fetch",
                                   {fetch_of_configuration(stage.machine, "common.yaml", "a: 1\n"), good_fetch()});
    REQUIRE(stage.run().is_good());
    stage.machine.http.answer(user_data, wants(newer_configuration));
    std::string seen;
    Script compile = recorded_puppet("compile_error");
    compile.work = [&, work = compile.work](const ProcessRequest& request) {
        seen = std::filesystem::read_symlink(link);
        work(request);
    };
    const std::vector<Script> fetches{fetch_of(newer_configuration), good_fetch(), fetch_of(newer_configuration),
                                      good_fetch()};
    stage.machine.processes.answer("bootwright-fetch", fetches);
    stage.machine.processes.answer("apply", compile);
    CHECK(stage.run().bad.value().configuration == newer_configuration);
    CHECK(seen == newer_configuration);  // what is compiled is the newer one
    CHECK(std::filesystem::read_symlink(link) == configuration_revision);
    CHECK(stage.run().error->code == "puppet.given_up");
    CHECK(std::filesystem::read_symlink(link) == configuration_revision);
}
