#include "agent/puppet/observation.hpp"

#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("an observation is read as it was written") {
    const auto seen = read_observation(fixture("puppet/observed/observation.json"));
    REQUIRE(seen);
    CHECK(seen->phase == "apply");
    CHECK(seen->puppet_version == "7.23.0");
    CHECK(seen->failed.size() == 2);
    CHECK(seen->unused_data == std::vector<std::string>{"role::truth::prot"});
    CHECK(seen->looked_up.size() > 3);
    CHECK(seen->problems.empty());
    CHECK(seen->phases.size() == 3);
}

TEST_CASE("no file, a broken one, or something else is no observation") {
    CHECK_FALSE(read_observation(std::nullopt));
    for (const char* text : {"", "{", "[]", "7", "null", "\"x\""}) {
        CAPTURE(text);
        CHECK_FALSE(read_observation(text));
    }
}

TEST_CASE("what is of another shape in an observation counts as missing") {
    const auto seen = read_observation(
        R"({"puppet_version": 7, "phase": [], "times": 5, "failed": {"x": 1}, "slowest": [7, {"resource": 1, "seconds": "x"}],
            "slow_facts": "x", "unused_data": [1, "key"], "looked_up": null, "problems": [[]]})");
    REQUIRE(seen);
    CHECK(seen->puppet_version.empty());
    CHECK(seen->failed.empty());
    REQUIRE(seen->slowest.size() == 1);
    CHECK(seen->slowest[0].seconds == 0);
    CHECK(seen->unused_data == std::vector<std::string>{"key"});
    CHECK(seen->problems.empty());
}
