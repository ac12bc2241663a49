#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* root = "gce/root";
constexpr const char* instance_path = "/computeMetadata/v1/instance/?recursive=true";

HttpResponse by_google(int status, std::string body = "", std::string etag = "") {
    HttpResponse response{.status = status, .headers = {{"metadata-flavor", "Google"}}, .body = std::move(body)};
    if (!etag.empty()) {
        response.headers["etag"] = std::move(etag);
    }
    return response;
}

}  // namespace

TEST_CASE("every request to GCE's service carries the header, and goes to the address, not to a name") {
    PlatformWorld world(root);
    world.read();
    REQUIRE(world.fake.http.requests.size() == 2);
    for (std::size_t i = 0; i < world.fake.http.requests.size(); ++i) {
        CHECK(world.header(i, "Metadata-Flavor") == "Google");
        CHECK(world.fake.http.requests[i].url.server() == "http://169.254.169.254");
    }
}

TEST_CASE("an answer without GCE's header is not GCE's") {
    PlatformWorld world(root);
    for (const char* flavor : {"", "google", "Amazon"}) {
        HttpResponse response = by_google(200, "{\"id\": 1}");
        response.headers["metadata-flavor"] = flavor;
        world.fake.http.answer(std::string("GET ") + instance_path, {response});
        CHECK(world.failure().code == "platform.unexpected_answer");
        CHECK(world.failure().message.find("metadata-flavor") != std::string::npos);
    }
}

TEST_CASE("GCE's user-data is decoded only where the encoding says so, and attributes of others are not kept") {
    PlatformWorld world(root);
    change_answer(world, root, instance_path, [](Json& body) { body["attributes"].erase("user-data-encoding"); });
    CHECK(world.read().user_data->starts_with("eyJyb2xlIjog"));
    change_answer(world, root, instance_path, [](Json& body) { body["attributes"].erase("user-data"); });
    CHECK(world.read().user_data == std::nullopt);
    CHECK_FALSE(world.read().tags.contains("ssh-keys"));
    CHECK_FALSE(world.read().tags.contains("startup-script"));
}

TEST_CASE("GCE is asked to answer when something changes, since what was seen last") {
    PlatformWorld world(root);
    const std::string path =
        "/computeMetadata/v1/instance/attributes/?recursive=true&wait_for_change=true&timeout_sec=";
    world.fake.http.answer("GET " + path + "61&last_etag=0", {by_google(200, "{}", "e1")});
    world.fake.http.answer("GET " + path + "61&last_etag=e1", {by_google(200, "{}", "e2 \r\nX: y")});
    std::string cursor;
    world.platform().wait_for_change(world.fake.system, {}, 60s, cursor, {});
    CHECK(cursor == "e1");
    CHECK(world.fake.http.requests.back().timeout == 70s);
    world.platform().wait_for_change(world.fake.system, {}, 60s, cursor, {});
    CHECK(cursor.empty());  // what could not stand in a URL is not sent back
    world.fake.http.answer("GET " + path + "61&last_etag=0", {by_google(503)});
    CHECK(error_of([&] { return world.platform().wait_for_change(world.fake.system, {}, 60s, cursor, {}), 0; }).kind ==
          ErrorKind::transient);
}

namespace {

constexpr const char* token_path = "GET /computeMetadata/v1/instance/service-accounts/default/token";

std::optional<CloudIdentity> identity_of(PlatformWorld& world) {
    return world.platform().identity(world.fake.system, world.config, CloudService::secret_store, {});
}

}  // namespace

TEST_CASE("a GCE instance's identity is its service account's token") {
    PlatformWorld world(root);
    const auto identity = identity_of(world);
    REQUIRE(identity);
    CHECK(identity->bearer_token == "ya29.c.EXAMPLE-0123456789_abcdef");
    CHECK(identity->access_key.empty());
    CHECK(world.fake.http.asked() == std::vector<std::string>{token_path});
    CHECK(world.header(0, "Metadata-Flavor") == "Google");
}

TEST_CASE("a GCE instance without a service account is told how to get one") {
    PlatformWorld world(root);
    world.fake.http.answer(token_path, {by_google(404)});
    const Error error = error_of([&] { return identity_of(world); });
    CHECK(error.code == "platform.no_identity_role");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("set-service-account") != std::string::npos);
}

TEST_CASE("a token of GCE that cannot be had, or is none, is unknown") {
    for (const HttpResponse& response :
         {by_google(500), by_google(403), by_google(429), by_google(200), by_google(200, "hunter2"),
          by_google(200, R"({"access_token": ""})"), by_google(200, R"({"access_token": "hunter2 \n"})"),
          HttpResponse{.status = 404}, HttpResponse{.status = 200, .body = R"({"access_token": "hunter2"})"}}) {
        CAPTURE(response.status, response.body);
        PlatformWorld world(root);
        world.fake.http.answer(token_path, {response});
        const Error error = error_of([&] { return identity_of(world); });
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("Google's signed word for who the instance is, is made out to one audience") {
    constexpr const char* path =
        "GET "
        "/computeMetadata/v1/instance/service-accounts/default/identity?format=full&audience=https://hooks.test:8443";
    const auto token_of = [](PlatformWorld& world) {
        return world.platform().identity_token(world.fake.system, world.config, "https://hooks.test:8443", {});
    };
    PlatformWorld world(root);
    world.fake.http.answer(path, {by_google(200, "header.claims.signature\n")});
    CHECK(token_of(world) == "header.claims.signature");
    PlatformWorld none(root);
    none.fake.http.answer(path, {by_google(404)});
    CHECK(error_of([&] { return token_of(none); }).code == "platform.no_identity_role");
    PlatformWorld odd(root);
    odd.fake.http.answer(path, {by_google(200, "hunter2 and a line\nmore")});
    const Error error = error_of([&] { return token_of(odd); });
    CHECK(error.code == "platform.bad_document");
    CHECK(error.message.find("hunter2") == std::string::npos);
}
