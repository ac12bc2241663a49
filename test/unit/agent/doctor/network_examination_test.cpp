#include "test/fakes/examined.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

constexpr const char* heading = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n";

std::string route_of(const std::string& ipv4, const std::string& ipv6 = "", const std::string& addresses = "") {
    const FakeSystem fake;
    fake.root.write("/proc/net/route", heading + ipv4);
    fake.root.write("/proc/net/ipv6_route", ipv6);
    fake.root.write("/proc/net/if_inet6", addresses);
    return in_lines({examined(fake.system, "network").front()});
}

}  // namespace

TEST_CASE("the way out of the machine is named") {
    CHECK(route_of("ens5\t00000000\t01010A0A\t0003\t0\t0\t0\t00000000\n") == "good: the default route is by ens5\n");
    CHECK(route_of("ens5\t00010A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n") ==
          "good: there is no default route: only what the other routes lead to is reached\n");
    const std::string zeroes(32, '0');
    CHECK(route_of("",
                   zeroes + " 00 " + zeroes + " 00 " + zeroes + " ffffffff 00000001 00000000 00200200       lo\n" +
                       zeroes + " 00 " + zeroes +
                       " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     ens6\n",
                   "20010db8000000000000000000000001 02 40 00 80     ens6\n") ==
          "good: the default route is by ens6\n");
}

TEST_CASE("a machine with no address but those of its own link has no network") {
    CHECK(route_of("ens5\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\n", "",
                   "fe800000000000000000000000000001 02 40 20 80     ens5\n") ==
          "bad: this machine has no address and no route beyond its own link\n");
}

TEST_CASE("a proxy that is no URL, or is away, is bad, and its password is not shown") {
    FakeMachine machine;
    machine.system.environment["https_proxy"] = "http://user:hunter2@127.0.0.1:1";
    const auto findings = examined(machine.system, "network");
    CHECK(findings.at(1).what ==
          "the proxy http://127.0.0.1:1 of the environment takes no connection: Connection refused");
    CHECK(all_have_advice(findings));
    machine.system.environment["https_proxy"] = "http://user:hunter2@:";
    const Finding finding = examined(machine.system, "network").at(1);
    CHECK(finding.what.ends_with("(config.invalid)"));
    CHECK(finding.what.find("hunter2") == std::string::npos);
}
