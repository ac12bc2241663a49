#include "agent/puppet/result/outcome.hpp"

#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace bootwright;

TEST_CASE("each outcome has its own meaning, which docs/status.md shows") {
    std::string table = "| outcome | good | meaning |\n|-|-|-|\n";
    for (const OutcomeMeaning& each : outcomes()) {
        CHECK(meaning_of(each.outcome).word == each.word);
        table += "| `" + std::string(each.word) + "` | " + (each.is_good ? "yes" : "no") + " | " +
                 std::string(each.meaning) + " |\n";
    }
    CHECK(fixture("../../docs/status.md").find(table + "\n") != std::string::npos);
}
