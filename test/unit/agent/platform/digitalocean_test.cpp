#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("a droplet without user-data has none, and one with an empty one has that") {
    PlatformWorld world("digitalocean/root");
    const auto with = [&](const std::function<void(Json&)>& change) {
        change_answer(world, "digitalocean/root", "/metadata/v1.json", change);
        return world.read().user_data;
    };
    CHECK(with([](Json& body) { body.erase("user_data"); }) == std::nullopt);
    CHECK(with([](Json& body) { body["user_data"] = nullptr; }) == std::nullopt);
    CHECK(with([](Json& body) { body["user_data"] = ""; }) == "");
}

TEST_CASE("a droplet's config drive does not hide the service, which knows more") {
    PlatformWorld world("digitalocean/root");
    world.fake.root.make_folder("/dev/disk/by-label/config-2");
    CHECK(world.platform().name() == "digitalocean");
    CHECK(world.read().region == "nyc3");
    CHECK(world.read().tags.contains("bootwright:role"));
}
