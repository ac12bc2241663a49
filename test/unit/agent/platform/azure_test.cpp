#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* newest = "GET /metadata/instance?api-version=2021-08-01&extended=true";
constexpr const char* oldest = "GET /metadata/instance?api-version=2019-06-01";

}  // namespace

TEST_CASE("Azure's service is asked with its header") {
    PlatformWorld world("azure/root");
    world.read();
    CHECK(world.header(0, "Metadata") == "true");
}

TEST_CASE("no status of Azure's service proves that there is nothing") {
    for (const int status : {404, 410, 429, 500, 204}) {
        CAPTURE(status);
        PlatformWorld world("azure/root");
        world.fake.http.answer_status(newest, status);
        world.fake.http.answer_status(oldest, status);
        CHECK(world.failure().code == "platform.unexpected_answer");
        CHECK(world.failure().kind == ErrorKind::transient);
    }
}

TEST_CASE("an older Azure is asked for an older version") {
    PlatformWorld world("azure/root");
    world.fake.http.answer_status(newest, 400);
    world.fake.http.answer(oldest, R"({"compute": {"vmId": "1", "location": "westeurope", "name": "web"}})");
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.instance_id == "1");
    CHECK(metadata.user_data == std::nullopt);
}

TEST_CASE("an Azure instance without user-data has an empty string there") {
    PlatformWorld world("azure/root");
    change_answer(world, "azure/root", "/metadata/instance?api-version=2021-08-01&extended=true",
                  [](Json& body) { body["compute"]["userData"] = ""; });
    CHECK(world.read().user_data == std::nullopt);
}

namespace {

constexpr const char* storage_path =
    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/";
constexpr const char* vault_path =
    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";

std::optional<CloudIdentity> identity_of(PlatformWorld& world, CloudService asked) {
    return world.platform().identity(world.fake.system, world.config, asked, {});
}

}  // namespace

TEST_CASE("Azure gives a token for each kind of service") {
    PlatformWorld world("azure/root");
    CHECK(identity_of(world, CloudService::object_store).value().bearer_token ==
          "eyJ0eXAiOiJKV1QifQ.EXAMPLE-storage.c2ln");
    CHECK(identity_of(world, CloudService::secret_store).value().bearer_token ==
          "eyJ0eXAiOiJKV1QifQ.EXAMPLE-vault.c2ln");
    CHECK(world.fake.http.asked() == std::vector<std::string>{storage_path, vault_path});
    CHECK(world.header(0, "Metadata") == "true");
}

TEST_CASE("an Azure machine without a managed identity is told how to get one") {
    PlatformWorld world("azure/root");
    world.fake.http.answer(
        vault_path, {HttpResponse{.status = 400,
                                  .body = R"({"error":"invalid_request","error_description":"Identity not found"})"}});
    const Error error = error_of([&] { return identity_of(world, CloudService::secret_store); });
    CHECK(error.code == "platform.no_identity_role");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("az vm identity assign") != std::string::npos);
}

TEST_CASE("a token of Azure that cannot be had, or is none, is unknown") {
    for (const HttpResponse& response :
         {HttpResponse{.status = 404}, HttpResponse{.status = 410}, HttpResponse{.status = 429},
          HttpResponse{.status = 500}, HttpResponse{.status = 204}, HttpResponse{.status = 200},
          HttpResponse{.status = 200, .body = "hunter2"}, HttpResponse{.status = 200, .body = "[\"hunter2\"]"},
          HttpResponse{.status = 200, .body = R"({"access_token": "hunter2\u0000"})"}}) {
        CAPTURE(response.status, response.body);
        PlatformWorld world("azure/root");
        world.fake.http.answer(storage_path, {response});
        const Error error = error_of([&] { return identity_of(world, CloudService::object_store); });
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}
