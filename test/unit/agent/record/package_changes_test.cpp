#include "agent/record/package_changes.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <utility>

using namespace bootwright;

TEST_CASE("versions of Debian packages, the older one first") {
    const auto [older, newer] =
        GENERATE(std::pair("1.0", "1.1"), std::pair("1.9", "1.10"), std::pair("1.0-1", "1.0-2"),
                 std::pair("1.0-9", "1.0-10"), std::pair("1.0~rc1", "1.0"), std::pair("1.0~~", "1.0~"),
                 std::pair("1.0", "1.0a"), std::pair("1.0a", "1.0+b"), std::pair("9.9", "1:0.1"),
                 std::pair("2:1", "10:0"), std::pair("1.0-1", "1.0-1+deb12u1"), std::pair("1-2-3", "1-3-1"),
                 std::pair("1.0-1~bpo12+1", "1.0-1"), std::pair("7.88.1-10+deb12u8", "7.88.1-10+deb12u12"),
                 std::pair("1.99999999999999999999999", "1.100000000000000000000000"), std::pair("", "0a"));
    CHECK(compare_debian_versions(older, newer) < 0);
    CHECK(compare_debian_versions(newer, older) > 0);
}

TEST_CASE("versions that are written in two ways are the same") {
    const auto [a, b] = GENERATE(std::pair("1.0", "1.0"), std::pair("0:1.0", "1.0"), std::pair("1.0", "1.0-0"),
                                 std::pair("1.02", "1.2"), std::pair("", "0"));
    CHECK(compare_debian_versions(a, b) == 0);
    CHECK(compare_debian_versions(b, a) == 0);
}

TEST_CASE("what happened to packages from one list to the other") {
    using Kind = PackageChange::Kind;
    const auto changes = package_changes(
        {{"curl", "7.9"}, {"gone", "1"}, {"same", "1"}, {"torn", "1"}, {"tree", "2.1"}},
        {{"added", "3"}, {"curl", "7.10"}, {"same", "1"}, {"torn", "1 half-configured"}, {"tree", "2.0"}});
    REQUIRE(changes.size() == 5);
    const auto is = [&](std::size_t index, Kind kind, const char* package, const char* before, const char* after) {
        const PackageChange& change = changes.at(index);
        CHECK(change.kind == kind);
        CHECK(change.package == package);
        CHECK(change.before == before);
        CHECK(change.after == after);
    };
    is(0, Kind::added, "added", "", "3");
    is(1, Kind::up, "curl", "7.9", "7.10");
    is(2, Kind::removed, "gone", "1", "");
    is(3, Kind::other, "torn", "1", "1 half-configured");
    is(4, Kind::down, "tree", "2.1", "2.0");
    CHECK(package_changes({}, {}).empty());
}
