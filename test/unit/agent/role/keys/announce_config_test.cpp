#include "agent/role/keys/announce_config.hpp"

#include "agent/role/role_layers.hpp"
#include "agent/role/shown_role.hpp"
#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/role_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* wait_url =
    "https://cloudformation-waitcondition-eu-west-1.s3.amazonaws.com/arn%3Aaws?AWSAccessKeyId=AKID&Signature=hunter2";

RoleConfig read(const std::string& announce, const AgentConfig& config = {}) {
    return read_with("announce", announce, config);
}

}  // namespace

TEST_CASE("every receiver is read, and what is shown of it is its host") {
    const RoleConfig role = read(R"({"webhook": {"url": "https://hooks.example.com:8443/services/hunter2",
        "token_from": {"file": "/etc/bootwright/hook"}}, "aws_lifecycle": {"hook": "configured", "group": "web asg"},
        "wait_condition": ")" + std::string(wait_url) +
                                 R"(", "failure_after": "20m"})");
    const auto& receivers = role.announce.receivers;
    CHECK(receivers.at("webhook").url == "https://hooks.example.com:8443/services/hunter2");
    CHECK_FALSE(receivers.at("webhook").once);
    CHECK(receivers.at("aws_lifecycle").name == "configured");
    CHECK(receivers.at("aws_lifecycle").once);
    CHECK(receivers.at("wait_condition").url == wait_url);
    CHECK(receivers.at("wait_condition").once);
    CHECK(role.announce.failure_after == 20min);
    CHECK(role.origins.at("announce.webhook") == "user-data");
    const Json written = to_json(role);
    CHECK(written.at("config").at("announce") ==
          Json{{"webhook", "https://hooks.example.com:8443"},
               {"aws_lifecycle", "configured"},
               {"wait_condition", "https://cloudformation-waitcondition-eu-west-1.s3.amazonaws.com"},
               {"failure_after", "20m"}});
    CHECK(to_line(written).find("hunter2") == std::string::npos);
}

TEST_CASE("without it nobody is told; a layer's receiver stands for that of the layer below") {
    CHECK(read("{}").announce.receivers.empty());
    CHECK(read("{}").announce.failure_after == 1h);
    const AgentConfig config = image(R"({"announce": {"webhook": {"url": "https://a/", "identity": true},
        "aws_lifecycle": {"hook": "h"}}})");
    CHECK(read("{}", config).announce.receivers.at("webhook").url == "https://a/");
    const RoleConfig role = read(R"({"webhook": {"url": "https://b/"}})", config);
    CHECK(role.announce.receivers.at("webhook").url == "https://b/");
    CHECK(role.announce.receivers.at("aws_lifecycle").name == "h");
    for (const char* taken_away : {R"({"webhook": {}})", R"({"webhook": {"url": ""}})", R"({"aws_lifecycle": {}})"}) {
        CHECK(read(taken_away, config).announce.receivers.size() == 1);
    }
    CHECK(read(R"({"wait_condition": ""})", config).announce.receivers.size() == 2);
}

TEST_CASE("where no role config can be read the image's receivers are known, as far as they can be read") {
    AgentConfig config = image(R"({"role": 1, "announce": {"webhook": {"url": "https://a/"}}})");
    CHECK(announce_of_image(config).receivers.at("webhook").url == "https://a/");
    CHECK(announce_of_image({}).receivers.empty());
    CHECK(announce_of_image(image(R"({"announce": {"webhook": 1}})")).receivers.empty());
}

TEST_CASE("a wrong receiver names its line and its key, and shows no URL") {
    struct Row {
        const char* announce;
        const char* path;
        const char* advice;
    };
    const Row row = GENERATE(values<Row>({
        {R"({"webhok": {}})", "announce.webhok", "webhook"},
        {R"({"webhook": {"url": "http://hunter2/"}})", "announce.webhook.url", "https://hooks.example.com"},
        {R"({"webhook": {"url": "https://"}})", "announce.webhook.url", "https://hooks.example.com"},
        {R"({"webhook": {"url": "https:///hunter2"}})", "announce.webhook.url", "https://hooks.example.com"},
        {R"({"webhook": {"url": "https://h/hunter2 x"}})", "announce.webhook.url", "https://hooks.example.com"},
        {R"({"webhook": {"url": "https://h&audience=x/"}})", "announce.webhook.url", "https://hooks.example.com"},
        {R"({"webhook": {"url": "https://u:hunter2@h/"}})", "announce.webhook.url", "token_from"},
        {R"({"webhook": {"url": "https://h/", "token_from": {}}})", "announce.webhook.token_from", "file, credential"},
        {R"({"webhook": {"url": "https://h/", "token_from": {"file": "x"}}})", "announce.webhook.token_from.file",
         "begin it with /"},
        {R"({"webhook": {"url": "https://h/", "token_from": {"credential": "../x"}}})",
         "announce.webhook.token_from.credential", "LoadCredential"},
        {R"({"webhook": {"url": "https://h/", "token_from": {"aws_secret": "x"}}})",
         "announce.webhook.token_from.aws_secret", ""},
        {R"({"webhook": {"url": "https://h/", "token_from": {"file": "/x"}, "identity": true}})",
         "announce.webhook.identity", "token_from"},
        {R"({"aws_lifecycle": {"hook": "a b"}})", "announce.aws_lifecycle.hook", "A-Z"},
        {R"({"aws_lifecycle": {"hook": "a", "group": "b\nc"}})", "announce.aws_lifecycle.group", "name"},
        {R"({"wait_condition": "hunter2"})", "announce.wait_condition", "WaitConditionHandle"},
        {R"({"failure_after": "10s"})", "announce.failure_after", "1m"},
    }));
    CAPTURE(row.announce);
    const Error error = error_of([&] { return read(row.announce); });
    CHECK(error.code == "role.invalid");
    CHECK(error.message.find("user-data:2: " + std::string(row.path)) != std::string::npos);
    CHECK(error.advice.find(row.advice) != std::string::npos);
    CHECK((error.message + error.advice).find("hunter2") == std::string::npos);
}
