#include "agent/puppet/hierarchy.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

constexpr const char* code = "/state/puppet/code";

struct World {
    TemporaryRoot root{};
    PuppetFiles files{root.path("/state/runs/000042")};
    PuppetPlace place{.program = {},
                      .state = root.path("/state/puppet"),
                      .environment_name = {},
                      .certname = {},
                      .observer = {},
                      .trusted_facts = {},
                      .proxy = {}};
    RoleConfig role{.repositories = {{.name = "private", .url = {}, .revision = {}}}};
    Checkout checkout{.revision = {}, .folder = root.path("/state/checkout")};

    World() { root.make_folder(code); }
    [[nodiscard]] Json levels() const {
        const Json config = Json::parse(hiera_config(files, place, role, checkout));
        CHECK(config.at("version") == 5);
        return config.at("hierarchy");
    }
    [[nodiscard]] Json level(const std::string& hiera_yaml) {
        root.write(std::string(code) + "/private/hiera.yaml", hiera_yaml);
        role.puppet.hiera_config = "private/hiera.yaml";
        Json all = levels();
        REQUIRE(all.size() == 2);
        return all.at(1);
    }
    [[nodiscard]] std::string folder(const std::string& name) const {
        return root.path(std::string(code) + "/private/" + name).string();
    }
};

}  // namespace

TEST_CASE("the role config's data is the top layer of Hiera") {
    const World world;
    CHECK(world.levels() == Json::array({{{"name", "bootwright role config"},
                                          {"data_hash", "json_data"},
                                          {"datadir", world.files.folder.string()},
                                          {"path", "data.json"}}}));
}

TEST_CASE("levels of another hiera.yaml come below it, as they are where that lies") {
    World world;
    CHECK(world.level("version: 5\n") == Json{{"name", "Common"},
                                              {"path", "common.yaml"},
                                              {"data_hash", "yaml_data"},
                                              {"datadir", world.folder("data")}});
    CHECK(world.level("version: 5\ndefaults:\n  datadir: all\n  lookup_key: eyaml_lookup_key\n  options: {a: b}\n"
                      "hierarchy:\n  - {name: x, path: x.yaml}\n") == Json{{"name", "x"},
                                                                           {"path", "x.yaml"},
                                                                           {"lookup_key", "eyaml_lookup_key"},
                                                                           {"options", {{"a", "b"}}},
                                                                           {"datadir", world.folder("all")}});
    CHECK(world.level("version: 5\ndefaults: {datadir: all, lookup_key: eyaml_lookup_key, options: {a: b}}\n"
                      "hierarchy:\n  - {name: x, globs: ['*.json'], data_hash: json_data}\n") ==
          Json{{"name", "x"}, {"globs", {"*.json"}}, {"data_hash", "json_data"}, {"datadir", world.folder("all")}});
    CHECK(world.level("version: 5\nhierarchy:\n  - {name: x, path: x, datadir: /srv/data}\n").at("datadir") ==
          "/srv/data");
}

TEST_CASE("a hiera.yaml that is none, or is not of what is pinned, is refused") {
    World world;
    for (const char* text :
         {"", "[]", "version: 3\n", ":backends: [yaml]\n", "version: 5\nhierarchy: [x]\n", "a: [b\n"}) {
        CAPTURE(text);
        CHECK(error_of([&] { return world.level(text); }).code == "puppet.hiera_config");
    }
    world.role.puppet.hiera_config = "private/none.yaml";
    CHECK(error_of([&] { return world.levels(); }).code == "puppet.hiera_config");
    world.root.write("/etc/hiera.yaml", "version: 5\n");
    fs::create_symlink(world.root.path("/etc/hiera.yaml"), world.root.path(std::string(code) + "/private/link.yaml"));
    world.role.puppet.hiera_config = "private/link.yaml";
    CHECK(error_of([&] { return world.levels(); }).code == "puppet.hiera_config");
}
