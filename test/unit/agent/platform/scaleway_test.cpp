#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("Scaleway's service is asked from a port below 1024, at its own address, and then over IPv6") {
    PlatformWorld world("scaleway/root");
    world.read();
    for (const HttpRequest& request : world.fake.http.requests) {
        CHECK(request.privileged_port);
        CHECK(request.url.server() == "http://169.254.42.42");
    }
    world.fake.http.answer("GET /conf?format=json", {transient_error("http.unreachable", "no route to host", "wait")});
    world.fake.http.answer("GET http://[fd00:42::42]/conf?format=json", R"({"id": "s-1"})");
    world.fake.http.answer_status("GET http://[fd00:42::42]/user_data/cloud-init", 404);
    CHECK(world.read().instance_id == "s-1");
}

TEST_CASE("a Scaleway instance without user-data has none") {
    PlatformWorld world("scaleway/root");
    world.fake.http.answer_status("GET /user_data/cloud-init", 404);
    CHECK(world.read().user_data == std::nullopt);
}
