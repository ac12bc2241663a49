#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("an UpCloud server without user-data has none") {
    PlatformWorld world("upcloud/root");
    change_answer(world, "upcloud/root", "/metadata/v1.json", [](Json& body) { body.erase("user_data"); });
    CHECK(world.read().user_data == std::nullopt);
}
