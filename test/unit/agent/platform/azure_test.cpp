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
