#include "agent/repository/modules_request.hpp"
#include "test/fakes/examined.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

/// bootwright-fetch, which is told so by the place.
FakeProcesses::Script place_that_says(const Error& error) {
    return {.lines = {to_line({{"module", {{"error", to_json(error)}}}})}};
}

struct World {
    FakeMachine machine{};

    Finding look(const FakeProcesses::Script& script) {
        machine.processes.answer("bootwright-fetch", script);
        const auto findings = examined(machine.system, "places");
        REQUIRE(findings.size() == 1);
        CHECK(all_have_advice(findings));
        return findings.front();
    }
};

}  // namespace

TEST_CASE("a place that lacks what no repository has is good: it answers, and lets this machine read") {
    World world;
    const Finding finding =
        world.look(place_that_says(permanent_error("git.revision_not_found", "no such branch", "push it")));
    CHECK(finding.state == Finding::State::good);
    CHECK(finding.what.ends_with(".git answers, and lets this machine read"));
}

TEST_CASE("what is asked of a place goes into a temporary folder, and leads to no transfer") {
    World world;
    world.look(place_that_says(permanent_error("git.revision_not_found", "no such branch", "push it")));
    const auto started = world.machine.processes.started("bootwright-fetch");
    REQUIRE(started.size() == 1);
    const ModulesRequest request = modules_request_from_json(Json::parse(started.front().input));
    CHECK(request.modules.front().revisions == std::vector<std::string>{"refs/heads/bootwright-doctor/nowhere"});
    CHECK(request.fetch.settings.seed.empty());
    for (const auto& folder : {request.fetch.repositories, request.fetch.checkouts, request.fetch.downloads}) {
        CHECK(folder.string().find("bootwright-work-") != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(folder));
    }
    CHECK(started.front().timeout <= std::chrono::seconds(20));
}

TEST_CASE("a place that refuses, or says nothing, is bad, and is named") {
    World world;
    CHECK(
        world.look(place_that_says(permanent_error("server.access_denied", "status 401", "check the password"))).what ==
        "https://git.example.com/puppet.git: status 401 (server.access_denied)");
    CHECK(world.look({.result = {.end = ProcessResult::End::timed_out}}).what ==
          "https://git.example.com/puppet.git gave no complete answer within 20.0 s (repository.timeout)");
    CHECK(world.look({.result = {.end = ProcessResult::End::stopped}}).state == Finding::State::not_known);
}

TEST_CASE("without a role config no place is known") {
    const FakeSystem fake;
    CHECK(examined(fake.system, "places").front().state == Finding::State::not_known);
}
