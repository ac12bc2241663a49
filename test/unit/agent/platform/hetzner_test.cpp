#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("a Hetzner server without user-data has none") {
    PlatformWorld world("hetzner/root");
    for (const int status : {204, 404}) {
        world.fake.http.answer_status("GET /hetzner/v1/userdata", status);
        CHECK(world.read().user_data == std::nullopt);
    }
    world.fake.http.answer("GET /hetzner/v1/userdata", "");
    CHECK(world.read().user_data == "");
}

TEST_CASE("a Hetzner server without private networks has its public address") {
    PlatformWorld world("hetzner/root");
    world.fake.http.answer_status("GET /hetzner/v1/metadata/private-networks", 404);
    CHECK(world.read().addresses == std::vector<std::string>{"203.0.113.66"});
}

TEST_CASE("an id with leading zeros stays as it is written") {
    PlatformWorld world("hetzner/root");
    world.fake.http.answer("GET /hetzner/v1/metadata", "instance-id: 0042\n");
    CHECK(world.read().instance_id == "0042");
}
