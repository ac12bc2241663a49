#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

/// Where the service is asked.
std::string router_of(PlatformWorld& world) {
    world.fake.http.requests.clear();
    world.read();
    return world.fake.http.requests.front().url.host();
}

}  // namespace

TEST_CASE(
    "CloudStack's service is at the DHCP server, which any client's lease names, or else at the default gateway") {
    PlatformWorld world("cloudstack/root");
    CHECK(router_of(world) == "10.1.1.1");
    world.fake.root.remove("/run/systemd/netif/leases/2");
    world.fake.root.write("/proc/net/route",
                          "Iface\tDestination\tGateway \tFlags\n"
                          "eth0\t0002000A\t00000000\t0001\neth0\t00000000\t0102000A\t0003\n");
    CHECK(router_of(world) == "10.0.2.1");
    world.fake.root.write("/var/lib/NetworkManager/internal-1-eth0.lease",
                          "ADDRESS=10.1.1.9\nSERVER_ADDRESS=10.1.1.2\n");
    CHECK(router_of(world) == "10.1.1.2");
    world.fake.root.write("/var/lib/dhcp/dhclient.eth0.leases",
                          "lease {\n  option dhcp-server-identifier 10.1.1.3;\n}\n"
                          "lease {\n  option dhcp-server-identifier 10.1.1.4;\n}\n");
    CHECK(router_of(world) == "10.1.1.4");
}

TEST_CASE("a lease that names no address is none, and without any the service cannot be found yet") {
    PlatformWorld world("cloudstack/root");
    for (const char* lease : {"", "SERVER_ADDRESS=", "SERVER_ADDRESS=evil.example.com", "SERVER_ADDRESS=10.1.1.1/x"}) {
        CAPTURE(lease);
        world.fake.root.write("/run/systemd/netif/leases/2", lease);
        world.fake.root.remove("/proc/net/route");
        CHECK(world.failure().code == "platform.no_router");
        CHECK(world.failure().kind == ErrorKind::transient);
    }
}
