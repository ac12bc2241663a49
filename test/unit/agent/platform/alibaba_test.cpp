#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("Alibaba's service is asked at its own address, with a token, or without one where it gives none") {
    PlatformWorld world("alibaba/root");
    world.read();
    CHECK(world.fake.http.requests.front().url.server() == "http://100.100.100.200");
    CHECK(world.header(1, "X-aliyun-ecs-metadata-token") == "aliyun-token");
    world.fake.http.requests.clear();
    world.fake.http.answer_status("PUT /latest/api/token", 404);
    CHECK(world.read().instance_id == "i-bp1a2b3c4d5e6f7g8h9i");
    CHECK(world.header(1, "X-aliyun-ecs-metadata-token") == "-");
}

TEST_CASE("an Alibaba instance without user-data has none, and one without an id is not read") {
    PlatformWorld world("alibaba/root");
    world.fake.http.answer_status("GET /latest/user-data", 404);
    CHECK(world.read().user_data == std::nullopt);
    world.fake.http.answer_status("GET /latest/meta-data/instance-id", 404);
    CHECK(world.failure().code == "platform.bad_document");
}

TEST_CASE("an Alibaba instance may have a public address that is no elastic one") {
    PlatformWorld world("alibaba/root");
    world.fake.http.answer_status("GET /latest/meta-data/eipv4", 404);
    CHECK(world.read().addresses == std::vector<std::string>{"172.16.0.9", "203.0.113.123"});
}
