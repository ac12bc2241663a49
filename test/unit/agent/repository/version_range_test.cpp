#include "agent/repository/version_range.hpp"

#include "common/documents/json.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace bootwright;

namespace {

int compare(const char* one, const char* other) {
    return SemanticVersion::parse(one).value().compare(SemanticVersion::parse(other).value());
}

bool includes(const char* range, const char* version) {
    return VersionRange::parse(range).value().includes(SemanticVersion::parse(version).value());
}

}  // namespace

// test/integration/test_module_needs.py compares the same table with Puppet's own library.
TEST_CASE("a range includes the versions that it includes for Puppet") {
    const Json table = parse_json(fixture("modules/version_ranges.json"));
    REQUIRE(table.at("ranges").size() > 90);
    for (const auto& [text, expected] : table.at("ranges").items()) {
        CAPTURE(text);
        const auto range = VersionRange::parse(text);
        if (expected.is_null()) {
            CHECK_FALSE(range);
            continue;
        }
        REQUIRE(range);
        std::vector<std::string> included;
        for (const Json& version : table.at("versions")) {
            if (range->includes(SemanticVersion::parse(version.get<std::string>()).value())) {
                included.push_back(version.get<std::string>());
            }
        }
        CHECK(included == expected.get<std::vector<std::string>>());
    }
}

TEST_CASE("versions are in the order of semver.org") {
    const std::vector<const char*> ordered{
        "0.9.9",      "1.0.0-1",     "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0",   "1.0.1",    "1.10.0",      "2.0.0"};
    for (std::size_t i = 0; i < ordered.size(); ++i) {
        for (std::size_t j = 0; j < ordered.size(); ++j) {
            CAPTURE(ordered[i], ordered[j]);
            CHECK(compare(ordered[i], ordered[j]) == (i < j ? -1 : i > j ? 1 : 0));
        }
    }
    CHECK(compare("1.0.0+one", "1.0.0+two") == 0);
}

TEST_CASE("what is no version is none") {
    for (const char* text : {"", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.x", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+",
                             " 1.0.0", "1.0.0 ", "-1.0.0", "9999999999.0.0", "1.0.0-a b"}) {
        CAPTURE(text);
        CHECK_FALSE(SemanticVersion::parse(text));
    }
}

TEST_CASE("ranges at which Puppet's own library fails by mistake are read") {
    CHECK(includes("^x", "1.0.0"));
    CHECK(includes("<=x", "1.0.0"));
    CHECK(includes(">=1.0.0 <2.0.0 || >=1.5.0 <2.0.0", "1.7.0"));
}

TEST_CASE("a range longer than any real one is refused") {
    CHECK(VersionRange::parse(">= 1.0.0" + std::string(VersionRange::longest - 8, ' ')));
    CHECK_FALSE(VersionRange::parse(">= 1.0.0" + std::string(VersionRange::longest - 7, ' ')));
    for (const std::string unit : {"<", ".", "-", "1.", "\xff"}) {
        CAPTURE(unit);
        std::string text;
        while (text.size() + unit.size() <= VersionRange::longest) {
            text += unit;
        }
        CHECK_FALSE(VersionRange::parse(text));
    }
}
