#include "agent/commands/caller.hpp"

#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("the caller is the user who called sudo, made fit for a line") {
    FakeSystem fake;
    CHECK_FALSE(caller(fake.system).empty());
    fake.system.environment["SUDO_USER"] = "alice";
    CHECK(caller(fake.system).starts_with("alice"));
    fake.system.environment["SUDO_USER"] = "a\nb" + std::string(1000, 'x');
    CHECK(caller(fake.system).starts_with("a bx"));
    CHECK(caller(fake.system).size() < 200);
    fake.system.environment["SUDO_USER"] = "";
    CHECK_FALSE(caller(fake.system).starts_with(" "));
}
