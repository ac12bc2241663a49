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
    CHECK(world.read().addresses == std::vector<std::string>{"203.0.113.66", "2001:db8:61:a::1"});
}

TEST_CASE("an id with leading zeros stays as it is written") {
    PlatformWorld world("hetzner/root");
    world.fake.http.answer("GET /hetzner/v1/metadata", "instance-id: 0042\n");
    CHECK(world.read().instance_id == "0042");
}

TEST_CASE("a Hetzner server's IPv6 address is that of its network's configuration, without the length") {
    PlatformWorld world("hetzner/root");
    world.fake.http.answer("GET /hetzner/v1/metadata",
                           "instance-id: 42\nnetwork-config:\n  config:\n  - subnets:\n    - {ipv4: true, type: dhcp}\n"
                           "    - {address: '2001:db8::1/64', ipv6: true}\n    - {address: 10.0.0.1/24}\n  - 7\n");
    CHECK(world.read().addresses == std::vector<std::string>{"10.0.1.2", "2001:db8::1"});
    for (const char* damaged : {"network-config: []", "network-config: {config: {subnets: 1}}", "network-config:"}) {
        world.fake.http.answer("GET /hetzner/v1/metadata", std::string("instance-id: 42\n") + damaged + "\n");
        CHECK(world.read().addresses == std::vector<std::string>{"10.0.1.2"});
    }
}
