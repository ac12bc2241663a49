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
    // As NetworkManager 1.42.4 of Debian 12 left them, with its own client and dnsmasq.
    world.fake.root.write("/var/lib/NetworkManager/internal-1-eth0.lease",
                          "# This is private data. Do not parse.\nADDRESS=10.77.0.17\n");
    CHECK(router_of(world) == "10.0.2.1");
    world.fake.root.write("/run/NetworkManager/devices/1", "[device]\nmanaged=true\nnm-owned=false\n");
    world.fake.root.write("/run/NetworkManager/devices/2",
                          "[device]\nmanaged=true\nconnection-uuid=cc41565f-45e3-3d5f-8910-c73c9b4e6e74\n"
                          "next-server=10.77.0.2\n\n[dhcp4]\ndhcp4.dhcp_lease_time=3600\n"
                          "dhcp4.dhcp_server_identifier=10.77.0.1\ndhcp4.ip_address=10.77.0.17\n"
                          "dhcp4.routers=10.77.0.53\n");
    CHECK(router_of(world) == "10.77.0.1");
    world.fake.root.remove("/run/NetworkManager/devices/2");
    world.fake.root.write("/var/lib/NetworkManager/dhclient-1-eth0.lease",
                          "lease {\n  option dhcp-server-identifier 10.1.1.5;\n}\n");
    CHECK(router_of(world) == "10.1.1.5");
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
