// Whole runs on a machine of fakes, and what they tell outside.

#include "agent/announce/announce.hpp"

#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

using Script = FakeProcesses::Script;

constexpr const char* secret_path = "/services/hunter2";
constexpr const char* memory = "/var/lib/bootwright/announced.json";

/// The program that speaks to servers, which was answered so.
Script answered(int status, const std::string& body = "") {
    return {.lines = {R"({"received": 0})",
                      to_line({{"answer",
                                {{"status", status}, {"headers", Json::object()}, {"body", encode_base64(body)}}}})}};
}

Script failed(const Error& error) {
    return {.result = {.exit_code = 1}, .lines = {to_line({{"error", to_json(error)}})}};
}

struct World {
    FakeMachine machine{};
    std::stop_source stop{};

    explicit World(const Json& announce) {
        machine.http.answer("GET /latest/user-data", with(announce));
        machine.processes.answer("bootwright-download", answered(200));
    }

    static std::string with(const Json& announce) {
        Json user_data = Json::parse(good_user_data());
        user_data["announce"] = announce;
        return to_line(user_data);
    }

    RunReport run() {
        RunRecord record(machine.system, next_run_number(machine.system));
        record.begins_because(RunCause::asked_for, "");
        return bootwright::run(machine.system, record, {RunCause::asked_for}, stop.get_token());
    }
    /// What the program that speaks to servers was asked to send, one a start.
    [[nodiscard]] std::vector<Json> sent() const {
        std::vector<Json> requests;
        for (const ProcessRequest& request : machine.processes.started("bootwright-download")) {
            requests.push_back(Json::parse(request.input).at("web"));
        }
        return requests;
    }
    [[nodiscard]] Json body(std::size_t number) const {
        return Json::parse(sent().at(number).at("body").get<std::string>());
    }
    void fails() { machine.processes.answer("apply", recorded_puppet("compile_error")); }
    void is_good() { machine.processes.answer("apply", recorded_puppet("unchanged")); }
    void reboots() { machine.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n"); }
    void has_a_role() {
        const std::string role = "GET /latest/meta-data/iam/security-credentials/";
        machine.http.answer(role, "web");
        machine.http.answer(role + "web",
                            R"({"Code": "Success", "AccessKeyId": "AKID", "SecretAccessKey": "hunter2-key",
                                "Token": "hunter2-session"})");
    }
};

Json webhook() { return {{"webhook", {{"url", "https://hooks.example.com" + std::string(secret_path)}}}}; }

}  // namespace

TEST_CASE("a good run is told once in a boot, and a failure and a recovery once each") {
    World world(webhook());
    const RunReport report = world.run();
    CHECK(report.is_good());
    REQUIRE(report.announced.size() == 1);
    CHECK(report.announced[0].to == "webhook https://hooks.example.com");
    CHECK(report.announced[0].was_taken);
    CHECK(report.announced[0].said == "HTTP status 200");
    REQUIRE(world.sent().size() == 1);
    CHECK(world.sent()[0].at("method") == "POST");
    CHECK(world.body(0).at("good") == true);
    const std::string first = "i-1234567890abcdef0:b0071d00-0000-4000-8000-000000000001:";
    CHECK(world.body(0).at("id") == first + "1");

    world.is_good();
    CHECK(world.run().announced.empty());
    CHECK(world.sent().size() == 1);

    world.fails();
    world.run();
    world.run();
    REQUIRE(world.sent().size() == 2);
    CHECK(world.body(1).at("good") == false);
    CHECK(world.body(1).at("id") == first + "2");
    CHECK(world.body(1).at("error").at("code") == "puppet.compile_failed");

    world.is_good();
    world.run();
    REQUIRE(world.sent().size() == 3);
    CHECK(world.body(2).at("good") == true);
    CHECK(world.body(2).at("id") == first + "3");

    world.reboots();
    world.run();
    REQUIRE(world.sent().size() == 4);
    CHECK(world.body(3).at("id") == "i-1234567890abcdef0:b0071d00-0000-4000-8000-000000000002:1");
}

TEST_CASE("what proves a right is neither in an argument nor in what is kept and shown") {
    Json receivers = webhook();
    receivers["webhook"]["token_from"] = {{"credential", "hook"}};
    receivers["wait_condition"] = "https://w.s3.amazonaws.com/x?Signature=hunter2";
    World world(receivers);
    world.machine.root.write("/run/credentials/bootwright.service/hook", "hunter2-token\n", 0600);
    world.machine.system.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/bootwright.service";
    const auto cannot = [](const std::string& url) {
        return failed(transient_error("server.unreachable", "cannot fetch from " + url + ": refused", "check"));
    };
    const Script hook = cannot("https://hooks.example.com" + std::string(secret_path));
    const Script wait = cannot("https://w.s3.amazonaws.com/x?Signature=hunter2");
    world.machine.processes.answer("bootwright-download", {wait, wait, wait, hook});
    const RunReport report = world.run();
    CHECK(report.is_good());
    REQUIRE(report.announced.size() == 2);
    CHECK(report.announced[1].said.find("cannot fetch from https://hooks.example.com[redacted]: refused") == 0);
    REQUIRE(report.warnings.size() == 2);
    CHECK(report.warnings[1].find("announce: webhook https://hooks.example.com: ") == 0);
    CHECK(world.sent().at(3).at("headers") ==
          Json::parse(R"([["Content-Type", "application/json"], ["Authorization", "Bearer hunter2-token"]])"));
    std::string seen = world.machine.root.read("/run/bootwright/status.json");
    seen += world.machine.root.read("/var/lib/bootwright/runs/000001/report.json");
    for (const ProcessRequest& request : world.machine.processes.requests) {
        for (const std::string& argument : request.arguments) {
            seen += argument;
        }
        for (const auto& [name, value] : request.environment) {
            seen += value;
        }
    }
    CHECK(seen.find("hunter2") == std::string::npos);
}

TEST_CASE("a receiver that fails at first is tried again, and then has it") {
    World world(webhook());
    world.machine.processes.answer("bootwright-download", {answered(500), answered(200)});
    const RunReport report = world.run();
    CHECK(report.is_good());
    CHECK(report.announced.at(0).was_taken);
    CHECK(report.warnings.empty());
    CHECK(world.sent().size() == 2);
    CHECK(world.body(0) == world.body(1));
    CHECK(world.machine.clock.slept == std::vector<std::chrono::milliseconds>{500ms});
}

TEST_CASE("a receiver that never takes it is a warning, never an error, and is told after the next run") {
    World world(webhook());
    world.machine.processes.answer("bootwright-download", {.result = {.end = ProcessResult::End::timed_out}});
    const RunReport report = world.run();
    CHECK(report.is_good());
    CHECK_FALSE(report.error);
    REQUIRE(report.announced.size() == 1);
    CHECK_FALSE(report.announced[0].was_taken);
    CHECK(report.announced[0].said == "no complete answer within 15.0 s");
    CHECK(report.warnings.at(0).find("announce.unavailable") != std::string::npos);
    CHECK(world.sent().size() == 3);
    const Json status = StatusFile(world.machine.system).read();
    CHECK(status.at("ready") == true);
    CHECK(status.at("run").at("announced").at(0).at("was_taken") == false);
    CHECK(world.machine.root.read("/var/lib/bootwright/runs/000001/report.json").find("no complete answer") !=
          std::string::npos);
    CHECK_FALSE(world.machine.root.exists(memory));

    world.machine.processes.answer("bootwright-download", answered(200));
    world.is_good();
    CHECK(world.run().announced.at(0).was_taken);
    CHECK(world.body(3).at("id") == world.body(0).at("id"));  // it is the same news
}

TEST_CASE("what a receiver refuses is not sent again at once") {
    World world(webhook());
    world.machine.processes.answer("bootwright-download", answered(404));
    CHECK(world.run().announced.at(0).said == "HTTP status 404");
    CHECK(world.sent().size() == 1);
}

TEST_CASE("the cloud's own receivers are told once for an instance, signed by its role") {
    World world(Json{{"aws_lifecycle", {{"hook", "configured"}, {"group", "web"}}},
                     {"wait_condition", "https://w.s3.amazonaws.com/x?Signature=hunter2"}});
    world.has_a_role();
    const RunReport report = world.run();
    CHECK(report.warnings.empty());
    REQUIRE(world.sent().size() == 2);
    CHECK(world.sent()[0].at("signature").at("access_key") == "AKID");
    CHECK(world.sent()[0].at("body").get<std::string>().ends_with("LifecycleActionResult=CONTINUE"));
    CHECK(world.sent()[1].at("method") == "PUT");
    CHECK(world.body(1).at("Status") == "SUCCESS");

    world.fails();
    world.run();
    world.reboots();
    world.is_good();
    world.run();
    CHECK(world.sent().size() == 2);
    world.machine.http.answer("GET /latest/user-data",
                              World::with({{"wait_condition", "https://w.s3.amazonaws.com/another"}}));
    world.run();
    CHECK(world.sent().size() == 3);

    for (const char* file : {"/run/bootwright/status.json", memory, "/var/lib/bootwright/runs/000001/report.json",
                             "/var/lib/bootwright/runs/000001/role_config.json"}) {
        CAPTURE(file);
        CHECK(world.machine.root.read(file).find("hunter2") == std::string::npos);
    }
    CHECK(world.machine.root.mode(memory) == 0600);
}

TEST_CASE("an instance without a role says so in a warning") {
    World world(Json{{"aws_lifecycle", {{"hook", "configured"}, {"group", "web"}}}});
    world.machine.http.answer_status("GET /latest/meta-data/iam/security-credentials/", 404);
    const RunReport report = world.run();
    CHECK(report.is_good());
    CHECK(report.warnings.at(0).find("platform.no_identity_role") != std::string::npos);
    CHECK(world.sent().empty());
}

TEST_CASE("a failure that the agent tries to get over is told only when it has lasted too long") {
    World world(webhook());
    world.machine.processes.answer("apply", recorded_puppet("failed"));
    world.run();
    CHECK(world.sent().empty());
    world.machine.clock.advance(1h);
    world.run();
    REQUIRE(world.sent().size() == 1);
    CHECK(world.body(0).at("good") == false);
}

TEST_CASE("the image's receivers hear of a role config that cannot be read") {
    World world(webhook());
    world.machine.http.answer("GET /latest/user-data", "{");
    world.machine.root.write("/etc/bootwright/agent.json",
                             R"({"role_config": {"announce": {"webhook": {"url": "https://image.example.com/"}}}})");
    world.run();
    REQUIRE(world.sent().size() == 1);
    CHECK(world.sent()[0].at("url") == "https://image.example.com/");
    CHECK(world.body(0).at("error").at("code") == "role.invalid");
    CHECK(world.body(0).at("role").is_null());
}

TEST_CASE("a stop leaves what is to be told for the next run") {
    World world(webhook());
    world.machine.processes.answer("bootwright-download",
                                   {.work = [&](const ProcessRequest&) { world.stop.request_stop(); }});
    const RunReport report = world.run();
    CHECK(report.is_good());
    CHECK(report.announced.empty());
    CHECK(report.warnings.empty());
    CHECK_FALSE(world.machine.root.exists(memory));
}

TEST_CASE("a memory that is damaged is none, and one that cannot be kept is a warning") {
    World world(webhook());
    world.machine.root.write(memory, R"({"webhook": ["x"], )");
    CHECK(world.run().announced.size() == 1);

    World full(webhook());
    full.machine.root.write(std::string(memory) + "/folder/x", "");
    const RunReport report = full.run();
    CHECK(report.is_good());
    CHECK(report.announced.size() == 1);
    CHECK(report.announced.at(0).was_taken);
    CHECK(report.warnings.at(0).find("announce: webhook https://hooks.example.com will be told again") == 0);
}

TEST_CASE("the run is over before anybody is told of it") {
    World world(webhook());
    RunRecord record(world.machine.system, 1);
    std::size_t sent_before = 99;
    bool was_recorded = false;
    record.tell_when_over([&] {
        sent_before = world.sent().size();
        was_recorded = world.machine.root.exists("/var/lib/bootwright/runs/000001/report.json");
    });
    CHECK(run(world.machine.system, record, {}, {}).announced.size() == 1);
    CHECK(sent_before == 0);
    CHECK(was_recorded);
}

TEST_CASE("certificates that are larger than any are not handed on") {
    const bool is_too_large = GENERATE(false, true);
    World world(webhook());
    world.machine.root.write("/etc/bootwright/agent.json", R"({"repository": {"ca_file": "/ca.pem"}})");
    world.machine.root.write("/ca.pem", std::string((std::size_t{4} << 20U) + (is_too_large ? 1 : 0), 'x'));
    CHECK(world.run().is_good());
    CHECK(world.sent().size() == (is_too_large ? 0 : 1));
}
