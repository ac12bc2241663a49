#include "agent/announce/announce.hpp"
#include "agent/announce/answer.hpp"
#include "agent/role/keys/role_keys.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

RunReport report_of(std::optional<Error> error) {
    RunReport report;
    report.number = 7;
    report.finished = Instant{std::chrono::system_clock::time_point(1795383092123ms), 100s};
    report.instance = InstanceMetadata{.platform = "ec2", .instance_id = "i-1"};
    report.instance->region = "eu-west-1";
    report.role = "web";
    report.revision_resolved = "0123456789abcdef0123456789abcdef01234567";
    report.puppet.outcome = Outcome::changed;
    report.stage = Stage::health;
    report.error = std::move(error);
    return report;
}

std::string header(const WebRequest& request, const std::string& name) {
    for (const auto& [key, value] : request.headers) {
        if (key == name) {
            return value;
        }
    }
    return "(absent)";
}

const CloudIdentity amazon{
    .access_key = "AKID", .secret_key = "hunter2", .session_token = "session", .region = "eu-west-1"};

/// The receiver that `announce` names, which has one, as the image says it.
Receiver receiver_of(const Json& announce) {
    const JsonDocument document{"test", "role.invalid", "", announce};
    RoleConfig role;
    read_role_keys(role, ObjectReader(document), "announce.", {.speaker = Speaker::image, .allows_names = false},
                   "test");
    return role.announce.receivers.begin()->second;
}

/// What the receiver is sent.
struct World {
    FakeSystem fake{};
    AgentConfig config{};
    std::optional<CloudIdentity> cloud = amazon;
    std::optional<std::string> token{};  ///< the platform's signed word
    std::string audience{};              ///< whom that was made out to

    WebRequest request(const Json& announce, const RunReport& report, bool good) {
        const AnnounceIdentity identity{.for_services = [&] { return cloud; },
                                        .token_for =
                                            [&](const std::string& host) {
                                                audience = host;
                                                return token;
                                            }};
        return receiver_of(announce).request({fake.system, config, identity, report, good, "i-1:boot:1"});
    }
};

Json lifecycle(const std::string& group) { return {{"aws_lifecycle", {{"hook", "configured"}, {"group", group}}}}; }

std::string read_lifecycle_answer(const WebResponse& response) {
    return receiver_of(lifecycle("g")).read_answer(response);
}

WebResponse xml(int status, const std::string& code, const std::string& message) {
    return {.status = status,
            .body = "<ErrorResponse><Error><Code>" + code + "</Code><Message>" + message +
                    "</Message></Error></ErrorResponse>"};
}

}  // namespace

TEST_CASE("what is final: good, what somebody has to mend, and what has lasted too long") {
    const RunReport good = report_of({});
    const RunReport permanent = report_of(permanent_error("a.b", "what", "do"));
    const RunReport transient = report_of(transient_error("a.b", "what", "do"));
    CHECK(final_outcome(good, false, 1s, 1h) == true);
    CHECK(final_outcome(permanent, false, 1s, 1h) == false);
    CHECK(final_outcome(permanent, true, 1s, 1h) == false);
    CHECK_FALSE(final_outcome(transient, false, 59min, 1h));
    CHECK(final_outcome(transient, false, 1h, 1h) == false);
    CHECK_FALSE(final_outcome(transient, true, 100h, 1h));
    CHECK_FALSE(final_outcome(report_of(stopped_error()), false, 100h, 1h));
    RunReport running = permanent;
    running.finished.reset();
    CHECK_FALSE(final_outcome(running, false, 1s, 1h));
}

TEST_CASE("a web hook is told all that a dashboard asks, and is shown a token where there is one") {
    World world;
    world.fake.root.write("/etc/bootwright/hook", "hunter2\n", 0600);
    const RunReport report = report_of(transient_error("health.failed", "the page: status 503", "look"));
    const WebRequest request = world.request(
        {{"webhook", {{"url", "https://h/hook"}, {"token_from", {{"file", "/etc/bootwright/hook"}}}}}}, report, false);
    CHECK(request.method == "POST");
    CHECK(request.url == "https://h/hook");
    CHECK_FALSE(request.follow_redirects);
    CHECK(header(request, "Content-Type") == "application/json");
    CHECK(header(request, "Authorization") == "Bearer hunter2");
    CHECK(Json::parse(request.body) ==
          Json{{"id", "i-1:boot:1"},
               {"good", false},
               {"outcome", "changed"},
               {"error", {{"stage", "health"}, {"code", "health.failed"}, {"message", "the page: status 503"}}},
               {"instance", {{"platform", "ec2"}, {"id", "i-1"}, {"region", "eu-west-1"}, {"hostname", nullptr}}},
               {"role", "web"},
               {"revision", "0123456789abcdef0123456789abcdef01234567"},
               {"run", 7},
               {"at", "2026-11-22T21:31:32.123Z"}});
    const WebRequest plain = world.request({{"webhook", {{"url", "https://h/hook"}}}}, report_of({}), true);
    CHECK(header(plain, "Authorization") == "(absent)");
    CHECK(Json::parse(plain.body).at("error").is_null());
}

TEST_CASE("a web hook is shown the platform's signed word, made out to its host alone") {
    World world;
    const Json announce{{"webhook", {{"url", "https://h:8443/hook?x=1"}, {"identity", true}}}};
    CHECK(error_of([&] { return world.request(announce, report_of({}), true); }).code == "announce.no_identity");
    world.token = "signed";
    CHECK(header(world.request(announce, report_of({}), true), "Authorization") == "Bearer signed");
    CHECK(world.audience == "https://h:8443");
    world.token = "two\nlines";
    CHECK(error_of([&] { return world.request(announce, report_of({}), true); }).code == "announce.bad_token");
}

TEST_CASE("a lifecycle action is completed as Amazon documents it") {
    World world;
    RunReport report = report_of({});
    const WebRequest request = world.request(lifecycle("web asg/1&x"), report, true);
    CHECK(request.method == "POST");
    CHECK(request.url == "https://autoscaling.eu-west-1.amazonaws.com/");
    CHECK(request.body ==
          "Action=CompleteLifecycleAction&Version=2011-01-01&AutoScalingGroupName=web%20asg/1%26x"
          "&LifecycleHookName=configured&InstanceId=i-1&LifecycleActionResult=CONTINUE");
    REQUIRE(request.signature);
    CHECK(request.signature->service == "autoscaling");
    CHECK(request.signature->region == "eu-west-1");

    CHECK(error_of([&] { return world.request(lifecycle(""), report, true); }).code == "announce.no_group");
    report.instance->tags["aws:autoscaling:groupName"] = "by-tag";
    const WebRequest by_tag = world.request(lifecycle(""), report, false);
    CHECK(by_tag.body.find("AutoScalingGroupName=by-tag&") != std::string::npos);
    CHECK(by_tag.body.ends_with("=ABANDON"));
    for (const auto& other : {std::optional<CloudIdentity>(), std::optional(CloudIdentity{.bearer_token = "azure"})}) {
        world.cloud = other;
        CHECK(error_of([&] { return world.request(lifecycle("g"), report, true); }).code == "repository.no_identity");
    }
}

TEST_CASE("a wait condition is signalled as CloudFormation documents it, with no Content-Type") {
    World world;
    const WebRequest good = world.request({{"wait_condition", "https://w/x?Signature=s"}}, report_of({}), true);
    CHECK(good.method == "PUT");
    CHECK(header(good, "Content-Type").empty());
    CHECK(Json::parse(good.body) == Json{{"Status", "SUCCESS"},
                                         {"Reason", "configured by bootwright"},
                                         {"UniqueId", "i-1"},
                                         {"Data", "0123456789abcdef0123456789abcdef01234567"}});
    const RunReport failed = report_of(permanent_error("role.invalid", "what", "do"));
    const Json body = Json::parse(world.request({{"wait_condition", "https://w/"}}, failed, false).body);
    CHECK(body.at("Status") == "FAILURE");
    CHECK(body.at("Reason") == "role.invalid");
}

TEST_CASE("an answer is good, passes, or refuses") {
    CHECK(read_answer({.status = 204}) == "HTTP status 204");
    for (const int status : {500, 503, 408, 425, 429}) {
        CHECK(error_of([&] { return read_answer({.status = status}); }).code == "announce.unavailable");
    }
    for (const int status : {301, 302, 400, 401, 403, 404, 410}) {
        const Error error = error_of([&] { return read_answer({.status = status}); });
        CHECK(error.code == "announce.refused");
        CHECK(error.kind == ErrorKind::permanent);
    }
    const Error busy = error_of([&] { return read_answer({.status = 503, .headers = {{"retry-after", "600"}}}); });
    CHECK(busy.retry_after == 10s);
}

TEST_CASE("Auto Scaling's answers are read by their code") {
    CHECK(read_lifecycle_answer({.status = 200, .body = "<CompleteLifecycleActionResponse/>"}) == "HTTP status 200");
    CHECK(read_lifecycle_answer(xml(400, "ValidationError", "No active Lifecycle Action found with instance ID i-1")) ==
          "there is no lifecycle action to complete");
    for (const char* code : {"Throttling", "ExpiredToken", "ResourceContention", "SignatureDoesNotMatch"}) {
        const Error error = error_of([&] { return read_lifecycle_answer(xml(400, code, "x")); });
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message == "HTTP status 400, " + std::string(code));
    }
    const Error denied = error_of([&] { return read_lifecycle_answer(xml(403, "AccessDenied", "hunter2")); });
    CHECK(denied.code == "announce.refused");
    CHECK(denied.message == "HTTP status 403, AccessDenied");
    CHECK(denied.advice.find("autoscaling:CompleteLifecycleAction") != std::string::npos);
    CHECK(error_of([&] { return read_lifecycle_answer({.status = 500, .body = "<Code>"}); }).kind ==
          ErrorKind::transient);
    CHECK(error_of([&] { return read_lifecycle_answer(xml(400, "a<b>\x1b", "x")); }).message == "HTTP status 400, a");
}
