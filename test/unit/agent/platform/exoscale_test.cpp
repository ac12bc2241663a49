#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("an Exoscale instance without user-data has none, and one without an id is not read") {
    PlatformWorld world("exoscale/root");
    world.fake.http.answer_status("GET /1.0/user-data", 404);
    CHECK(world.read().user_data == std::nullopt);
    world.fake.http.answer("GET /1.0/meta-data/instance-id", " \n");
    CHECK(world.failure().code == "platform.bad_document");
}
