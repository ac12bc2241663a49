#include "agent/role/keys/role_keys.hpp"

#include "agent/config/schema.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>

using namespace bootwright;

namespace {

/// What a layer comes to that says `value` at the key alone.
RoleConfig saying(const RoleKey& key, const Json& value) {
    JsonDocument document{"test", "role.invalid", "", Json::object()};
    document.root[pointer_to(key.name)] = value;
    RoleConfig role;
    read_role_keys(role, ObjectReader(document), "", {.speaker = Speaker::image, .allows_names = true}, "test");
    return role;
}

/// Another value than that of `before`, which is the key's default.
Json another(const RoleKey& key, const Json& before) {
    if (key.name == "health.checks") {
        return Json::array({{{"unit", "nginx.service"}}});
    }
    if (key.name == "repositories") {
        return Json::array(
            {{{"name", "data"}, {"url", "https://other/x"}, {"mirrors", Json::array()}, {"revision", "main"}}});
    }
    const Json schema = Json::parse(key.schema);
    if (schema.contains("properties")) {
        return key.name == "announce.webhook" ? Json{{"url", "https://other.example.com"}} : Json{{"hook", "other"}};
    }
    return schema.contains("enum")        ? schema.at("enum").at(1)
           : key.holds_names              ? Json{{"other", 1}}
           : schema.at("type") == "array" ? Json{key.name == "classes" ? "other" : "https://other/x"}
           : before.is_boolean()          ? Json(!before.get<bool>())
           : schema.value("pattern", "").starts_with("^[0-9]+")                ? Json("7m")
           : key.name.ends_with("url") || key.name.ends_with("wait_condition") ? Json("https://other.example.com")
                                                                               : Json("other");
}

}  // namespace

TEST_CASE("each key stands in the table once, and the names of facts and data are found") {
    std::set<std::string_view> names;
    for (const RoleKey& key : role_keys()) {
        CHECK(names.insert(key.name).second);
        CHECK(find_role_key(key.name) == &key);
    }
    CHECK(find_role_key("facts.datacenter")->name == "facts");
    CHECK(find_role_key("data.profile::web.port")->name == "data");
    CHECK(find_role_key("facts.") == nullptr);
    CHECK(find_role_key("repository") == nullptr);
    CHECK(find_role_key("role.x") == nullptr);
}

TEST_CASE("docs/role-config.md shows each key, its meaning, who may say it and why") {
    std::string meanings = "| key | meaning |\n|-|-|\n";
    std::string trust = "| key | from | why |\n|-|-|-|\n";
    for (const RoleKey& key : role_keys()) {
        CAPTURE(key.name);
        CHECK(key.meaning.empty() == key.is_part());
        if (!key.is_part()) {
            meanings += "| `" + key.name + "` | " + std::string(key.meaning) + " |\n";
        }
        const char* from = key.trust == KeyTrust::anywhere  ? "anywhere"
                           : key.trust == KeyTrust::guarded ? "guarded"
                                                            : "guarded by URL";
        trust += "| `" + key.name + "` | " + from + " | " + std::string(key.why) + " |\n";
    }
    const std::string document = fixture("../../docs/role-config.md");
    INFO("the tables as they have to be:\n" << meanings << "\n" << trust);
    CHECK(document.find(meanings + "\n") != std::string::npos);
    CHECK(document.find(trust + "\n") != std::string::npos);
}

TEST_CASE("each key of a role config is read to where it is shown from, and to nowhere else") {
    const RoleConfig defaults;
    for (const RoleKey& key : role_keys()) {
        if (key.is_part()) {
            continue;
        }
        CAPTURE(key.name);
        const Json other = another(key, key.value(defaults));
        const RoleConfig role = saying(key, other);
        if (Json::parse(key.schema).contains("properties") || key.name == "health.checks" ||
            key.name == "announce.wait_condition") {
            CHECK(key.value(role) != key.value(defaults));  // only a name is shown of it
        } else {
            CHECK(key.value(role) == other);
        }
        CHECK(role.origins.size() == 1);
        CHECK(role.origins.begin()->first == key.name + (key.holds_names ? ".other" : ""));
        for (const RoleKey& untouched : role_keys()) {
            if (!untouched.is_part() && untouched.name != key.name) {
                CAPTURE(untouched.name);
                CHECK(untouched.value(role) == untouched.value(defaults));
            }
        }
    }
}

TEST_CASE("the schema has each key of a role config in its place, with its default, and takes no other") {
    const Json schema = role_schema();
    for (const RoleKey& key : role_keys()) {
        if (key.is_part()) {
            continue;
        }
        CAPTURE(key.name);
        const std::size_t dot = key.name.find('.');
        const Json& section = dot == std::string::npos ? schema : schema.at("properties").at(key.name.substr(0, dot));
        CHECK(section.at("additionalProperties") == false);
        const Json& entry = section.at("properties").at(dot == std::string::npos ? key.name : key.name.substr(dot + 1));
        CHECK((entry.contains("type") || entry.contains("enum")));
        CHECK(entry.at("description").get<std::string>().find("](") == std::string::npos);
        if (entry.contains("default")) {
            CHECK(key.value(saying(key, entry.at("default"))) == entry.at("default"));
        }
    }
    const Json& health = schema.at("properties").at("health").at("properties");
    CHECK(health.at("timeout").at("default") == "2m");
    CHECK(health.at("checks").at("items").at("oneOf").size() == 4);
    CHECK_FALSE(schema.at("properties").at("schedule").at("properties").at("splay").contains("default"));
    CHECK(agent_schema().at("properties").at("role_config").at("properties") == schema.at("properties"));
}
