#include "agent/puppet/result/observation.hpp"

#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("an observation is read as it was written") {
    const auto seen = read_observation(fixture("puppet/observed/observation.json"));
    REQUIRE(seen);
    CHECK(seen->phase == "apply");
    CHECK(seen->puppet_version == "7.23.0");
    CHECK(seen->failed->size() == 2);
    CHECK(seen->unused_data == std::vector<std::string>{"role::truth::prot"});
    CHECK(seen->looked_up.size() > 3);
    CHECK(seen->problems.empty());
    CHECK(seen->phases.size() == 3);
    CHECK(seen->failed->at(1).resource == "Exec[/bin/false]");
    CHECK(seen->failed->at(1).line == 6);
    CHECK(seen->failed->at(1).message ==
          "change from 'notrun' to ['0'] failed: '/bin/false' returned 1 instead of one of [0]");
    CHECK(seen->failed->at(1).file.ends_with("/site-modules/role/manifests/truth.pp"));
}

TEST_CASE("what an observation says of each thing is read, several messages as one") {
    const auto seen = read_observation(
        R"({"catalog_digest": "ab", "times": {"facts": 1.5, "compile": "x"}, "began": {"facts": 20.5, "compile": "x"},
            "failed": [7, {"resource": "A[b]", "messages": ["one", 2, "two"], "file": "f.pp", "line": 3}],
            "slowest": [{"resource": "C[d]", "seconds": 2.25, "began": 21}], "slow_facts": [{"fact": "e", "seconds": 1}]})");
    REQUIRE(seen);
    CHECK(seen->catalog_digest == "ab");
    REQUIRE(seen->phases.size() == 2);
    CHECK(seen->phases[0].what == "compile");
    CHECK(seen->phases[0].seconds == 0);
    CHECK_FALSE(seen->phases[0].began);
    CHECK(seen->phases[1].seconds == 1.5);
    CHECK(seen->phases[1].began == 20.5);
    CHECK(seen->slowest.at(0).began == 21.0);
    REQUIRE(seen->failed->size() == 1);
    CHECK(seen->failed->at(0).message == "one; two");
    CHECK(seen->failed->at(0).file == "f.pp");
    CHECK(seen->failed->at(0).line == 3);
    REQUIRE(seen->slowest.size() == 1);
    CHECK(seen->slowest[0].what == "C[d]");
    CHECK(seen->slowest[0].seconds == 2.25);
    REQUIRE(seen->slow_facts.size() == 1);
    CHECK(seen->slow_facts[0].what == "e");
    CHECK(seen->slow_facts[0].seconds == 1);
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
    CHECK(seen->failed->empty());
    REQUIRE(seen->slowest.size() == 1);
    CHECK(seen->slowest[0].seconds == 0);
    CHECK(seen->unused_data == std::vector<std::string>{"key"});
    CHECK(seen->problems.empty());
}
