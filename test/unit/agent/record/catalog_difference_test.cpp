#include "agent/record/catalog_difference.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

Json resource(const char* type, const char* title, const Json& parameters) {
    return {{"type", type}, {"title", title}, {"file", "site.pp"}, {"line", 3}, {"parameters", parameters}};
}

Json catalog(const std::vector<Json>& resources) { return {{"resources", resources}}; }

}  // namespace

TEST_CASE("what a catalog has more, less and otherwise, in the order of names") {
    const Json before = catalog({resource("File", "/b", {{"mode", "0644"}, {"owner", "root"}, {"tag", {1, 2}}}),
                                 resource("File", "/a", {{"mode", "0644"}}), resource("Service", "x", Json::object())});
    const Json after = catalog({resource("Package", "p", {{"ensure", "1.0"}}), resource("Service", "x", Json::object()),
                                resource("File", "/b", {{"mode", "0600"}, {"group", "adm"}, {"tag", {1, 2}}})});
    const auto changes = catalog_changes(before, after);
    REQUIRE(changes.size() == 3);
    CHECK(changes[0].resource == "File[/a]");
    CHECK(changes[0].kind == ResourceChange::Kind::removed);
    CHECK(changes[1].resource == "File[/b]");
    CHECK(changes[1].kind == ResourceChange::Kind::changed);
    CHECK(changes[1].file == "site.pp");
    CHECK(changes[1].line == 3);
    REQUIRE(changes[1].parameters.size() == 3);
    CHECK(changes[1].parameters[0].name == "group");
    CHECK(changes[1].parameters[0].before.is_null());
    CHECK(changes[1].parameters[1].before == "0644");
    CHECK(changes[1].parameters[1].after == "0600");
    CHECK(changes[1].parameters[2].after.is_null());
    CHECK(changes[2].kind == ResourceChange::Kind::added);
}

TEST_CASE("the order of resources and of their lines is no difference") {
    Json moved = resource("File", "/a", {{"mode", "0644"}});
    moved["line"] = 9;
    CHECK(catalog_changes(catalog({resource("File", "/a", {{"mode", "0644"}}), resource("File", "/b", {})}),
                          catalog({resource("File", "/b", {}), moved}))
              .empty());
}

TEST_CASE("what is no catalog has no resources") {
    for (const Json& odd : {Json(), Json(17), Json::object(), Json{{"resources", 3}}, Json{{"resources", {1, "x"}}}}) {
        CHECK(catalog_changes(odd, odd).empty());
    }
}

TEST_CASE("nested values are compared one by one") {
    const auto changes = value_changes({{"data", {{"port", 80}, {"name", "a"}}}, {"empty", Json::object()}},
                                       {{"data", {{"port", 81}, {"name", "a"}}}, {"list", {1}}});
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].name == "data.port");
    CHECK(changes[0].before == 80);
    CHECK(changes[1].name == "list");
    CHECK(changes[1].before.is_null());
    CHECK(value_changes(Json(), Json(3)).empty());
}

TEST_CASE("a manifest is named from the root of the control repository on") {
    const auto file = [](const char* path) { return file_of_resource({{"file", path}}); };
    CHECK(file("/var/lib/bootwright/puppet/code/environments/production/site-modules/role/manifests/web.pp") ==
          "site-modules/role/manifests/web.pp");
    CHECK(
        file(
            "/var/lib/bootwright/checkout/0123456789abcdef0123456789abcdef01234567/environments/x/manifests/site.pp") ==
        "environments/x/manifests/site.pp");
    CHECK(file("/usr/share/puppet/modules/apt/manifests/init.pp") == "/usr/share/puppet/modules/apt/manifests/init.pp");
    CHECK(file("/var/lib/bootwright/checkout/x") == "/var/lib/bootwright/checkout/x");
    CHECK(file_of_resource(Json::object()).empty());
}
