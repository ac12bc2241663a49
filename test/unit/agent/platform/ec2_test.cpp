#include "agent/platform/platform.hpp"

#include "agent/platform/detection.hpp"
#include "agent/platform/document.hpp"
#include "test/fakes/answers.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* token_path = "PUT /latest/api/token";
constexpr const char* identity_path = "GET /latest/dynamic/instance-identity/document";
constexpr const char* hostname_path = "GET /latest/meta-data/local-hostname";
constexpr const char* public_address_path = "GET /latest/meta-data/public-ipv4";
constexpr const char* ipv6_path = "GET /latest/meta-data/ipv6";
constexpr const char* tags_path = "GET /latest/meta-data/tags/instance";
constexpr const char* user_data_path = "GET /latest/user-data";

/// An instance with the answers of Amazon's documentation.
struct World {
    FakeSystem fake{};
    AgentConfig config{};

    World() {
        config.platform = "ec2";
        fake.http.answer(token_path, "AQAEAHNrb2tlbg==");
        fake.http.answer(identity_path, fixture("ec2/identity-document.json"));
        fake.http.answer(hostname_path, "ip-10-251-50-12.ec2.internal");
        fake.http.answer(public_address_path, "203.0.113.7");
        fake.http.answer_status(ipv6_path, 404);
        fake.http.answer(tags_path, "Name\nbootwright:role");
        fake.http.answer(std::string(tags_path) + "/Name", "web 1");
        fake.http.answer(std::string(tags_path) + "/bootwright:role", "web");
        fake.http.answer(user_data_path, "{\"role\": \"web\"}");
    }
    InstanceMetadata read(std::stop_token stop = {}) {
        return read_instance(find_platform(fake.system, config, stop), fake.system, config, stop);
    }
    Error failure() {
        return error_of([&] { return read(); });
    }
    /// The token that each request carried, or "-".
    [[nodiscard]] std::vector<std::string> tokens() const {
        std::vector<std::string> tokens;
        for (const HttpRequest& request : fake.http.requests) {
            const auto found = std::find_if(request.headers.begin(), request.headers.end(), [](const auto& header) {
                return header.first == "X-aws-ec2-metadata-token";
            });
            tokens.push_back(found == request.headers.end() ? "-" : found->second);
        }
        return tokens;
    }
};

HttpResponse with_status(int status) { return {.status = status}; }

}  // namespace

TEST_CASE("an EC2 instance tells its id, its place, its name and its user-data") {
    World world;
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.platform == "ec2");
    CHECK(metadata.instance_id == "i-1234567890abcdef0");
    CHECK(metadata.region == "us-west-2");
    CHECK(metadata.zone == "us-west-2b");
    CHECK(metadata.instance_type == "t2.micro");
    CHECK(metadata.image_id == "ami-5fb8c835");
    CHECK(metadata.account == "123456789012");
    CHECK(metadata.hostname == "ip-10-251-50-12.ec2.internal");
    CHECK(metadata.user_data == "{\"role\": \"web\"}");
    CHECK(metadata.user_data_origin == "user-data");
    CHECK(metadata.tags == std::map<std::string, std::string>{{"Name", "web 1"}, {"bootwright:role", "web"}});
    CHECK(metadata.addresses == std::vector<std::string>{"10.158.112.84", "203.0.113.7"});
    CHECK(world.fake.http.asked() ==
          std::vector<std::string>{token_path, identity_path, hostname_path, public_address_path, ipv6_path, tags_path,
                                   std::string(tags_path) + "/Name", std::string(tags_path) + "/bootwright:role",
                                   user_data_path});
    CHECK(world.tokens() ==
          std::vector<std::string>{"-", "AQAEAHNrb2tlbg==", "AQAEAHNrb2tlbg==", "AQAEAHNrb2tlbg==", "AQAEAHNrb2tlbg==",
                                   "AQAEAHNrb2tlbg==", "AQAEAHNrb2tlbg==", "AQAEAHNrb2tlbg==", "AQAEAHNrb2tlbg=="});
    const HttpRequest& token = world.fake.http.requests.at(0);
    CHECK(token.headers ==
          std::vector<std::pair<std::string, std::string>>{{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}});
    for (const HttpRequest& request : world.fake.http.requests) {
        CHECK(request.url.shown().starts_with("http://169.254.169.254/latest/"));
        CHECK(request.max_bytes <= largest_user_data);
    }
}

TEST_CASE("an instance without user-data has none, and one with empty user-data has an empty one") {
    World world;
    for (const int status : {404, 204}) {
        world.fake.http.answer(user_data_path, {HttpResponse{.status = status, .body = fixture("ec2/not-found.html")}});
        CHECK(world.read().user_data == std::nullopt);
    }
    world.fake.http.answer(user_data_path, "");
    CHECK(world.read().user_data == "");
}

TEST_CASE("user-data comes byte for byte") {
    World world;
    const std::string bytes("\x1f\x8b\0\r\n  \xff", 8);
    world.fake.http.answer(user_data_path, bytes);
    CHECK(world.read().user_data == bytes);
}

TEST_CASE("user-data that cannot be read is never taken for absent") {
    const int status = GENERATE(301, 302, 400, 403, 500, 503);
    CAPTURE(status);
    World world;
    world.fake.http.answer_status(user_data_path, status);
    const Error error = world.failure();
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.code == "platform.unexpected_answer");
}

TEST_CASE("user-data of ten megabytes is refused for good") {
    World world;
    world.fake.http.answer(user_data_path, std::string(std::size_t{10} << 20U, 'x'));
    const Error error = world.failure();
    CHECK(error.code == "http.too_large");
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("an instance whose tags are not shown to it has none") {
    World world;
    world.fake.http.answer_status(tags_path, 404);
    CHECK(world.read().tags.empty());
    world.fake.http.answer_status(tags_path, 500);
    CHECK(world.failure().code == "platform.unexpected_answer");
}

TEST_CASE("a missing host name is no reason to stop") {
    World world;
    world.fake.http.answer_status(hostname_path, 404);
    CHECK(world.read().hostname.empty());
    world.fake.http.answer(hostname_path, "name\n");
    CHECK(world.read().hostname == "name");
}

TEST_CASE("a metadata service that is switched off is permanent, and says how to switch it on") {
    World world;
    world.fake.http.answer_status(token_path, 403);
    const Error error = world.failure();
    CHECK(error.code == "platform.metadata_disabled");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("--http-endpoint enabled") != std::string::npos);
    CHECK(world.fake.http.requests.size() == 1);
}

TEST_CASE("version 1 is spoken only where configuration allows it, and only to a service without version 2") {
    const int status = GENERATE(404, 405);
    CAPTURE(status);
    World world;
    world.fake.http.answer_status(token_path, status);
    const Error error = world.failure();
    CHECK(error.code == "platform.token_missing");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("allow_imdsv1") != std::string::npos);
    CHECK(world.fake.http.requests.size() == 1);

    world.config.allow_imdsv1 = true;
    CHECK(world.read().instance_id == "i-1234567890abcdef0");
    CHECK(world.tokens().back() == "-");
}

TEST_CASE("what goes wrong with the token never leads to version 1") {
    World world;
    world.config.allow_imdsv1 = true;
    for (const int status : {0, 301, 400, 401, 500, 503}) {
        CAPTURE(status);
        world.fake.http.answer_status(token_path, status);
        CHECK(world.failure().kind == ErrorKind::transient);
        CHECK(world.fake.http.asked().back().ends_with("/latest/api/token"));
    }
    world.fake.http.answer(token_path, {transient_error("http.timeout", "silence", "wait")});
    CHECK(world.failure().code == "http.timeout");
}

TEST_CASE("an empty token is no token") {
    // Sent on, it would make a request of version 1.
    World world;
    for (const char* token : {"", " \n"}) {
        world.fake.http.answer(token_path, token);
        const Error error = world.failure();
        CHECK(error.kind == ErrorKind::transient);
        CHECK(world.fake.http.asked().back() == token_path);
    }
}

TEST_CASE("a token that could not stand in a header is not sent") {
    World world;
    world.fake.http.answer(token_path, "<html>\r\nX-Forwarded-For: 1.2.3.4\r\n</html>");
    CHECK(world.failure().kind == ErrorKind::transient);
    CHECK(world.fake.http.asked().back() == token_path);
}

TEST_CASE("a token that has expired is renewed, once a request") {
    World world;
    world.fake.http.answer(
        token_path, {HttpResponse{.status = 200, .body = "first"}, HttpResponse{.status = 200, .body = "second"}});
    world.fake.http.answer(user_data_path, {with_status(401), HttpResponse{.status = 200, .body = "{}"}});
    CHECK(world.read().user_data == "{}");
    CHECK(world.tokens() == std::vector<std::string>{"-", "first", "first", "first", "first", "first", "first", "first",
                                                     "first", "-", "second"});
}

TEST_CASE("a token that is refused again and again is given up for now") {
    World world;
    world.fake.http.answer_status(identity_path, 401);
    const Error error = world.failure();
    CHECK(error.code == "platform.token_refused");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(world.fake.http.requests.size() == 4);
}

TEST_CASE("without a token a 401 is not answered with one") {
    World world;
    world.config.allow_imdsv1 = true;
    world.fake.http.answer_status(token_path, 404);
    world.fake.http.answer_status(identity_path, 401);
    CHECK(world.failure().code == "platform.token_refused");
    CHECK(world.fake.http.requests.size() == 2);
}

TEST_CASE("the service's wish for the next try is kept, wherever it is told") {
    const char* path = GENERATE(as<const char*>(), identity_path, user_data_path, token_path);
    CAPTURE(path);
    World world;
    world.fake.http.answer(path, {HttpResponse{.status = 503, .headers = {{"retry-after", "20"}}}});
    CHECK(world.failure().retry_after == 20s);
}

TEST_CASE("a document that does not name the instance is a failure that may pass") {
    const std::string text =
        GENERATE(values<std::string>({"", "rubbish", "{", "[]", "null", "{}", R"({"instanceId": []})",
                                      R"({"instanceId": ""})", R"({"InstanceId": "i-1"})", std::string("\0\xff", 2)}));
    CAPTURE(text);
    World world;
    world.fake.http.answer(identity_path, text);
    const Error error = world.failure();
    CHECK(error.code == "platform.bad_document");
    CHECK(error.kind == ErrorKind::transient);
    world.fake.http.answer_status(identity_path, 404);
    for (const char* file :
         {"instance-id", "placement/region", "placement/availability-zone", "instance-type", "ami-id", "local-ipv4"}) {
        world.fake.http.answer_status(std::string("GET /latest/meta-data/") + file, 404);
    }
    CHECK(world.failure().code == "platform.bad_document");
}

TEST_CASE("a stop while the service is asked is a stop") {
    World world;
    std::stop_source stop;
    world.fake.http.on_request = [&](const std::string& key) {
        if (key == identity_path) {
            stop.request_stop();
        }
    };
    CHECK(error_of([&] { return world.read(stop.get_token()); }).kind == ErrorKind::stopped);
}

namespace {

constexpr const char* roles_path = "GET /latest/meta-data/iam/security-credentials/";
constexpr const char* role_path = "GET /latest/meta-data/iam/security-credentials/web-server";

struct IdentityWorld {
    FakeSystem fake{};
    AgentConfig config{};

    IdentityWorld() { replay(fake, "ec2/root-nitro"); }
    std::optional<CloudIdentity> ask() {
        return find_platform(fake.system, config, {})
            .instance->identity(fake.system, config, CloudService::object_store, {});
    }
    Error failure() {
        return error_of([&] { return ask(); });
    }
};

}  // namespace

TEST_CASE("an EC2 instance's identity is its role's credentials and its region") {
    IdentityWorld world;
    const auto identity = world.ask();
    REQUIRE(identity);
    CHECK(identity->access_key == "ASIAIOSFODNN7EXAMPLE");
    CHECK(identity->secret_key == "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    CHECK(identity->session_token == "IQoJb3JpZ2luX2VjEXAMPLETOKEN//8wEaDDEyMzQ1Njc4OTAxMg==");
    CHECK(identity->region == "us-west-2");
    CHECK(world.fake.http.asked() == std::vector<std::string>{token_path, roles_path, role_path, identity_path});
}

TEST_CASE("an EC2 instance without a role is told how to get one") {
    IdentityWorld world;
    world.fake.http.answer_status(roles_path, 404);
    const Error error = world.failure();
    CHECK(error.code == "platform.no_identity_role");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("associate-iam-instance-profile") != std::string::npos);
}

TEST_CASE("a role of an EC2 instance that cannot be read is unknown, not absent") {
    const char* path = GENERATE(as<const char*>(), roles_path, role_path, identity_path);
    const int status = GENERATE(302, 400, 403, 429, 500, 503);
    CAPTURE(path, status);
    IdentityWorld world;
    world.fake.http.answer_status(path, status);
    CHECK(world.failure().kind == ErrorKind::transient);
    CHECK(world.failure().code == "platform.unexpected_answer");
}

TEST_CASE("credentials of an EC2 role that are none are refused, and not shown") {
    const std::string body = GENERATE(values<std::string>({
        "",
        "hunter2",
        "[]",
        R"({"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role web-server."})",
        R"({"Code": "Success"})",
        R"({"Code": "Success", "AccessKeyId": "", "SecretAccessKey": "hunter2", "Token": "hunter2"})",
        R"({"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "hunter2", "Token": 7})",
        R"({"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "hunter2", "Token": "hunter2\r\nX-Other: 1"})",
        R"({"Code": "hunter 2", "AccessKeyId": "A", "SecretAccessKey": "hunter2", "Token": "hunter2"})",
    }));
    CAPTURE(body);
    IdentityWorld world;
    world.fake.http.answer(role_path, body);
    const Error error = world.failure();
    CHECK(error.code == "platform.bad_document");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find("hunter") == std::string::npos);
}

TEST_CASE("what an EC2 service calls a role is not asked for if it cannot be one") {
    for (const char* name : {"", "../../user-data", "a b", "a?b", "a/b"}) {
        CAPTURE(name);
        IdentityWorld world;
        world.fake.http.answer(roles_path, name);
        CHECK(world.failure().code == "platform.bad_document");
        CHECK(world.fake.http.asked().back() == roles_path);
    }
}

TEST_CASE("an EC2 identity without a region is none") {
    IdentityWorld world;
    world.fake.http.answer(identity_path, R"({"instanceId": "i-1"})");
    CHECK(world.failure().code == "platform.bad_document");
}
