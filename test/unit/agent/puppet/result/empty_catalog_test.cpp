#include "agent/puppet/result/empty_catalog.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

void says(const std::optional<SeenEnvironment>& seen, const Wanted& wanted, const char* why, const char* advice) {
    const Error error = nothing_applied_error(seen, wanted);
    CAPTURE(error.message, error.advice);
    CHECK(error.code == "puppet.nothing_applied");
    CHECK(error.message.find(why) != std::string::npos);
    CHECK(error.advice.find(advice) != std::string::npos);
}

}  // namespace

TEST_CASE("a catalog without resources is explained by what is missing") {
    const SeenEnvironment with_manifest{.manifest = "manifests", .has_manifest = true};
    const SeenEnvironment without{.manifest = "mani/site.pp"};
    says(with_manifest, {.role = "wbe"}, R"(no class took this role "wbe")", "misspelling");
    says({{.manifest = "manifests", .has_manifest = true, .nodes = {"db1", "default"}, .node = "default"}},
         {.role = "web"}, "(node default)", "misspelling");
    says(std::nullopt, {.role = "wbe"}, R"(no class took this role "wbe")", "misspelling");
    says({{.has_manifest = true, .classes = {"role::web"}}}, {.role = "web"},
         "no resource is in role::web, the class that was applied", "write what the class is to do");
    says(without, {.role = "web", .environments = {"production", "staging"}},
         "environments/ (production, staging), and none of them was chosen", "repository.environment");
    says(without, {.role = "web"}, "has no manifest mani/site.pp", "environment.conf");
}

TEST_CASE("long lists of names are cut off") {
    const SeenEnvironment many{.has_manifest = true, .classes = std::vector<std::string>(1000, "profile::x")};
    CHECK(nothing_applied_error(many, {}).message.size() < 500);
}
