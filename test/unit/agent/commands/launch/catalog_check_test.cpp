#include "agent/commands/launch/catalog_check.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("a role config says facts in the place of captured ones, and no others") {
    const MachineFacts captured{
        .facts = {{"role", "db"}, {"site", "a"}, {"cloud", {{"region", "eu"}}}, {"bootwright", {{"revision", "x"}}}}};
    AgentConfig image;
    CHECK(facts_for(captured, image, {}) == captured.facts);
    RoleConfig role{.role = "web", .facts = {{"site", "b"}, {"rack", 7}}};
    Json expected = captured.facts;
    expected.update({{"role", "web"}, {"site", "b"}, {"rack", 7}});
    CHECK(facts_for(captured, image, role) == expected);
    image.puppet.role_fact = "puppet_role";
    role.facts = Json::object();
    expected = captured.facts;
    expected["puppet_role"] = "web";
    CHECK(facts_for(captured, image, role) == expected);
}

TEST_CASE("a check of a catalog has one shape as JSON, good or not") {
    const CatalogCheck good{.resources = 3, .warnings = {"a"}, .digest = "d", .puppet_version = "8"};
    CHECK(to_json(good) == Json{{"good", true},
                                {"resources", 3},
                                {"warnings", {"a"}},
                                {"digest", "d"},
                                {"puppet_version", "8"},
                                {"error", nullptr}});
    const CatalogCheck bad{.error = permanent_error("puppet.compile_failed", "m", "a")};
    const Json json = to_json(bad);
    CHECK_FALSE(json["good"].get<bool>());
    CHECK(json["resources"].is_null());
    CHECK(json["error"]["code"] == "puppet.compile_failed");
}
