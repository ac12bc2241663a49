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

TEST_CASE("Scaleway's zone may stand at the top, and the addresses of an older instance are one each") {
    PlatformWorld world("scaleway/root");
    change_answer(world, "scaleway/root", "/conf?format=json", [](Json& body) {
        body["zone"] = "nl-ams-2";
        body.erase("location");
        body.erase("public_ips_v4");
        body.erase("public_ips_v6");
        body["ipv6"] = {{"address", "2001:db8:710:88::2"}, {"gateway", "2001:db8:710:88::"}, {"netmask", "64"}};
    });
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.zone == "nl-ams-2");
    CHECK(metadata.region == "nl-ams");
    CHECK(metadata.addresses == std::vector<std::string>{"10.64.12.7", "203.0.113.88", "2001:db8:710:88::2"});
}

TEST_CASE("an answer proves itself Scaleway's by a zone, in either place, and a type") {
    PlatformWorld world("scaleway/root");
    const auto proves = [&](const char* body) { return world.platform().proves({.status = 200, .body = body}); };
    CHECK(proves(R"({"location": {"zone_id": "fr-par-1"}, "commercial_type": "DEV1-S"})"));
    CHECK(proves(R"({"zone": "fr-par-1", "commercial_type": "DEV1-S"})"));
    CHECK_FALSE(proves(R"({"zone": "fr-par-1"})"));
    CHECK_FALSE(proves(R"({"commercial_type": "DEV1-S"})"));
}
