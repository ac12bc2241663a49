#include "agent/repository/modules_request.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("a question for modules survives the way to the child") {
    const ModulesRequest request{.fetch = {},
                                 .modules = {{.url = "https://u:p@h/x",
                                              .revisions = {"refs/tags/v1", "refs/heads/v1"},
                                              .release = "acme-web-1.0.0",
                                              .sha256 = "def",
                                              .short_commit = "abc1234"}}};
    const Json sent = to_json(request);
    const ModulesRequest back = modules_request_from_json(Json::parse(to_line(sent)));
    REQUIRE(back.modules.size() == 1);
    CHECK(back.modules[0].url == "https://u:p@h/x");
    CHECK(back.modules[0].revisions == request.modules[0].revisions);
    CHECK(back.modules[0].short_commit == "abc1234");
    CHECK(back.modules[0].release == "acme-web-1.0.0");
    CHECK(back.modules[0].sha256 == "def");
    CHECK(to_json(back) == sent);
    Json less = sent;
    less.at("modules").at(0).erase("revisions");
    CHECK_THROWS_AS(modules_request_from_json(less), Json::exception);
}

TEST_CASE("what a module is, or why nobody can say") {
    CHECK(to_line(to_json(ResolvedModule{.commit = "abc", .tree = "def"})) == R"({"commit":"abc","tree":"def"})");
    CHECK(to_line(to_json(ResolvedModule{
              .commit = "abc", .tree = "def", .version = "1.0.0", .url = "https://f/x", .sha256 = "0"})) ==
          R"({"commit":"abc","sha256":"0","tree":"def","url":"https://f/x","version":"1.0.0"})");
    const Json described =
        to_json(ResolvedModule{.commit = "abc",
                               .tree = "def",
                               .metadata = ModuleMetadata{.version = "1.0.0", .dependencies = {{"a-b", "1.x"}}}});
    CHECK(described.at("metadata").at("dependencies").at(0).at("name") == "a-b");
    const Json failed = to_json(ResolvedModule{.problem = permanent_error("a.b", "no", "yes")});
    CHECK(failed.at("error").at("code") == "a.b");
}
