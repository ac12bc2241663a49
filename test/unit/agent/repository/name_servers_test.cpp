#include "agent/repository/name_servers.hpp"

#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace bootwright;

namespace {

/// On a machine whose only name server is a word that is no address: nothing is sent.
std::vector<std::string> warnings(const PlaceAnswer& place) {
    const FakeSystem fake;
    fake.root.write("/etc/resolv.conf", "nameserver nowhere\n");
    return warnings_of_name_servers(fake.system, {{.place = "ssh://git@other.test/r.git", .said = gave_it}, place});
}

}  // namespace

TEST_CASE("a name server that gives no answer is named where a place was slow") {
    const auto found = warnings({.place = "https://git.test/r.git", .said = gave_it, .seconds = 2.1});
    REQUIRE(found.size() == 1);
    CHECK(found[0].starts_with("name server nowhere of /etc/resolv.conf is no address"));
}

TEST_CASE("no name server is asked where every place was quick, or has no host") {
    CHECK(warnings({.place = "https://git.test/r.git", .said = gave_it, .seconds = 1.9}).empty());
    CHECK(warnings({.place = "/usr/share/bootwright/seed.git", .said = gave_it, .seconds = 60}).empty());
}
