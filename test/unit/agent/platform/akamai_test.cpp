#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("Akamai's service wants a token, which is renewed once it has expired") {
    PlatformWorld world("akamai/root");
    world.read();
    CHECK(world.header(0, "Metadata-Token-Expiry-Seconds") == "300");
    CHECK(world.header(1, "Metadata-Token") == "linode-token");
    CHECK(world.header(1, "Accept") == "application/json");
    world.fake.http.answer("GET /v1/user-data",
                           {HttpResponse{.status = 401}, HttpResponse{.status = 200, .body = "e30="}});
    CHECK(world.read().user_data == "{}");
}

TEST_CASE("an Akamai region without a metadata service is told as such") {
    PlatformWorld world("akamai/root");
    world.fake.http.answer_status("PUT /v1/token", 404);
    CHECK(world.failure().code == "platform.token_missing");
    CHECK(world.failure().kind == ErrorKind::permanent);
}

TEST_CASE("an Akamai instance without user-data has none") {
    PlatformWorld world("akamai/root");
    world.fake.http.answer_status("GET /v1/user-data", 404);
    CHECK(world.read().user_data == std::nullopt);
}
