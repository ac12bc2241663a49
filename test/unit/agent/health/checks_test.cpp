#include "agent/health/checks.hpp"

#include "common/documents/json.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/raw_server.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

using End = ProcessResult::End;

/// A check as a role config asks for it.
HealthCheck check_of(const Json& entry) {
    const JsonDocument document{"test", "role.invalid", "", {{"checks", Json::array({entry})}}};
    ObjectReader reader(document);
    return read_health_checks(reader, "checks").value().at(0);
}

HealthCheck unit_check() { return check_of({{"unit", "nginx.service"}}); }
HealthCheck http_check(int status = 0) {
    Json entry{{"http", "http://127.0.0.1/healthz"}, {"name", "the page"}};
    if (status != 0) {
        entry["status"] = status;
    }
    return check_of(entry);
}
HealthCheck command_check() { return check_of({{"command", {"/bin/check"}}}); }

FakeProcesses::Script ends(int status, std::vector<std::string> lines = {}) {
    return {.result = {.exit_code = status}, .lines = std::move(lines)};
}

struct World {
    FakeSystem fake{};
    RoleConfig role{};
    std::vector<HealthResult> rounds{};
    std::vector<std::string> progress{};
    std::stop_source stop{};

    explicit World(std::vector<HealthCheck> checks) {
        role.health.checks = std::move(checks);
        role.health.timeout = 10s;
    }
    HealthResult check() {
        const StageEvents events{
            .progress =
                [&](std::string_view what, std::uint64_t done, std::uint64_t total) {
                    progress.push_back(std::string(what) + " " + std::to_string(done) + " of " + std::to_string(total));
                },
            .child_started = [](ProcessId) {}};
        return check_health(
            fake.system, role, events, [&](const HealthResult& result) { rounds.push_back(result); }, stop.get_token());
    }
};

}  // namespace

TEST_CASE("a unit is good while systemd calls it active") {
    World world({unit_check()});
    world.fake.processes.answer("is-active", ends(0, {"active"}));
    const HealthResult result = world.check();
    CHECK_FALSE(result.error);
    REQUIRE(result.checks.size() == 1);
    CHECK(result.checks[0].ok);
    CHECK(result.checks[0].said == "active");
    CHECK(world.fake.clock.slept.empty());
    const ProcessRequest& request = world.fake.processes.requests.at(0);
    CHECK(request.arguments == std::vector<std::string>{"/usr/bin/systemctl", "is-active", "--", "nginx.service"});
    CHECK(request.timeout == 10s);
    CHECK(request.environment.at("LC_ALL") == "C.UTF-8");
}

TEST_CASE("a command is run as it is written, without a shell") {
    World world({check_of({{"command", {"/usr/bin/test", "-e", "/x y"}}, {"name", "the file"}})});
    world.fake.processes.answer("test", ends(0));
    CHECK(world.check().checks.at(0).name == "the file");
    const ProcessRequest& request = world.fake.processes.requests.at(0);
    CHECK(request.arguments == std::vector<std::string>{"/usr/bin/test", "-e", "/x y"});
    CHECK(request.timeout == 10s);  // health.timeout, as it is shorter than a command's own limit
    CHECK(request.ends_family);
}

TEST_CASE("what is not good at first is looked at again until it is") {
    World world({unit_check(), http_check()});
    world.fake.processes.answer("is-active", {ends(3, {"inactive"}), ends(3, {"activating"}), ends(0, {"active"})});
    world.fake.http.answer("GET /healthz", {HttpResponse{.status = 503}, HttpResponse{.status = 204}});
    const HealthResult result = world.check();
    CHECK_FALSE(result.error);
    CHECK(world.fake.clock.slept == std::vector<std::chrono::milliseconds>{250ms, 500ms});
    REQUIRE(world.rounds.size() == 3);
    CHECK(world.rounds[0].checks[0].said == "exit status 3: inactive");
    CHECK(world.rounds[0].checks[1].said == "status 503, not 200 to 299");
    CHECK(world.rounds[1].checks[1].said == "status 204");
    CHECK(world.progress == std::vector<std::string>{"checks 0 of 2", "checks 1 of 2", "checks 2 of 2"});
}

TEST_CASE("all must be good at once") {
    World world({unit_check(), command_check()});
    world.fake.processes.answer("is-active", {ends(0), ends(3, {"failed"}), ends(0)});
    world.fake.processes.answer("check", {ends(1), ends(0), ends(0)});
    CHECK_FALSE(world.check().error);
    CHECK(world.rounds.size() == 3);
}

TEST_CASE("what does not become good in time fails, with what each of the bad ones said") {
    World world({unit_check(), http_check(200), command_check()});
    world.fake.processes.answer("is-active", ends(0, {"active"}));
    world.fake.http.answer_status("GET /healthz", 302);
    world.fake.processes.answer("check", ends(1, {"no such table", "giving up"}));
    const auto began = world.fake.clock.now().since_boot;
    const HealthResult result = world.check();
    REQUIRE(result.error);
    CHECK(result.error->kind == ErrorKind::transient);
    CHECK(result.error->code == "health.failed");
    CHECK(result.error->message ==
          "after 10.0 s, 2 of 3 health checks are not good; the page: status 302, not 200; command /bin/check: exit "
          "status 1: no such table giving up");
    CHECK(result.checks[0].ok);
    CHECK_FALSE(result.checks[1].ok);
    CHECK(world.fake.clock.now().since_boot - began == 10s);  // the last look is at the very end
    for (const auto delay : world.fake.clock.slept) {
        CHECK(delay <= 2s);
    }
    for (std::size_t i = 0; i + 1 < world.rounds.size(); ++i) {
        CHECK_FALSE(world.rounds[i].error);  // not before the end
    }
}

TEST_CASE("a port is good once somebody takes a connection") {
    RawServer server({});
    const std::string place = server.url("").substr(7);
    World world({check_of({{"tcp", place}})});
    CHECK(world.check().checks.at(0).said == "connected");
    server.finish();
    World nobody({check_of({{"tcp", place}})});
    nobody.role.health.timeout = 100ms;
    CHECK(nobody.check().checks.at(0).said == "Connection refused");
}

TEST_CASE("a server that does not answer, a program that is not there and one that hangs are not good, and no more") {
    World world({http_check(), command_check()});
    world.fake.processes.answer("check",
                                {{.cannot_start = permanent_error("process.cannot_start", "no such file", "mend it")},
                                 {.result = {.end = End::timed_out}},
                                 {.result = {.end = End::killed_by_signal, .signal = 11}}});
    const HealthResult result = world.check();
    REQUIRE(result.error);
    CHECK(world.rounds[0].checks[0].said == "GET /healthz: no route to host");
    CHECK(world.rounds[0].checks[1].said == "no such file");
    CHECK(world.rounds[1].checks[1].said == "not done within 9.7 s");  // never longer than what is left
    CHECK(result.checks[1].said == "killed by signal 11");
}

TEST_CASE("nothing of the role config's data is repeated, and of much output the end is kept") {
    World world({command_check()});
    world.role.data = {{"password", "hunter2-hunter2"}, {"key", "-----BEGIN-----\nsecret line\n-----END-----\n"}};
    world.fake.processes.answer(
        "check", ends(1, {std::string(60000, 'x'), std::string(60000, 'x'), std::string(60000, 'x'), "secret line",
                          "the password is hunter2-hunter2", "the end \x1b[31m"}));
    const std::string said = world.check().checks.at(0).said;
    CHECK(said.find("hunter2") == std::string::npos);
    CHECK(said.find("secret line") == std::string::npos);
    CHECK(said.find("[redacted] the password is [redacted] the end ?[31m") != std::string::npos);
    CHECK(said.starts_with("exit status 1: …x"));
    CHECK(said.size() == std::string("exit status 1: …").size() + 240);
}

TEST_CASE("a stop ends the checks at once, while they wait and while one is made") {
    World waiting({unit_check()});
    waiting.fake.processes.answer("is-active", ends(3));
    waiting.fake.clock.on_sleep = [&](std::size_t) { waiting.stop.request_stop(); };
    CHECK(error_of([&] { return waiting.check(); }).kind == ErrorKind::stopped);
    CHECK(waiting.fake.processes.requests.size() == 1);

    World looking({command_check()});
    looking.fake.processes.answer("check", {.work = [&](const ProcessRequest&) { looking.stop.request_stop(); }});
    CHECK(error_of([&] { return looking.check(); }).kind == ErrorKind::stopped);
    CHECK(looking.rounds.empty());
}
