#include "agent/config/system.hpp"

#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("every path lies below the root") {
    const FakeSystem fake;
    const auto& root = fake.root.path();
    CHECK(fake.system.path("/etc/motd") == root / "etc/motd");
    CHECK(fake.system.path("etc/motd") == root / "etc/motd");
    CHECK(fake.system.path("///etc/motd") == root / "etc/motd");
    CHECK(fake.system.configuration() == root / "etc/bootwright");
    CHECK(fake.system.runtime() == root / "run/bootwright");
    CHECK(fake.system.state() == root / "var/lib/bootwright");
}
