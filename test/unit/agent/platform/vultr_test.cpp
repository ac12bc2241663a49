#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("Vultr's service is asked with its header, and an instance without user-data has none") {
    PlatformWorld world("vultr/root");
    change_answer(world, "vultr/root", "/v1.json", [](Json& body) { body.erase("user-data"); });
    CHECK(world.read().user_data == std::nullopt);
    CHECK(world.header(0, "Metadata-Token") == "cloudinit");
}
