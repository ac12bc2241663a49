#include "agent/repository/modules/module_needs.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace bootwright;

namespace {

using Lines = std::vector<std::string>;

DeclaredModule module(const std::string& name, const std::string& version,
                      const std::vector<ModuleNeed>& dependencies = {},
                      const std::vector<ModuleNeed>& requirements = {}) {
    return {.place = "Puppetfile, modules/" + name,
            .name = name,
            .version = version,
            .metadata = {.version = version, .dependencies = dependencies, .requirements = requirements}};
}

bool nowhere(const std::string&) { return false; }

}  // namespace

TEST_CASE("a dependency that is missing, or of another version, is said of the module that needs it") {
    const ModuleNeed stdlib{"puppetlabs-stdlib", ">= 9.0.0 < 10.0.0"};
    CHECK(unmet_needs({module("apt", "1.0.0", {stdlib}), module("stdlib", "9.4.1")}, "", nowhere).empty());
    CHECK(
        unmet_needs({module("apt", "1.0.0", {stdlib}), module("stdlib", "8.1.0")}, "", nowhere) ==
        Lines{
            "Puppetfile, modules/apt: it needs puppetlabs-stdlib >= 9.0.0 < 10.0.0, and Puppetfile, modules/stdlib is "
            "8.1.0"});
    CHECK(unmet_needs({module("apt", "1.0.0", {stdlib, {"acme-x", ""}})}, "", nowhere) ==
          Lines{"Puppetfile, modules/apt: it needs puppetlabs-stdlib >= 9.0.0 < 10.0.0, which the Puppetfile does not "
                "declare",
                "Puppetfile, modules/apt: it needs acme-x, which the Puppetfile does not declare"});
}

TEST_CASE("of what is unknown nothing is said") {
    const ModuleNeed stdlib{"puppetlabs-stdlib", ">= 9.0.0"};
    CHECK(unmet_needs({module("apt", "1.0.0", {stdlib}), module("stdlib", "")}, "", nowhere).empty());
    CHECK(unmet_needs({module("apt", "1.0.0", {stdlib})}, "", [](const std::string& name) {
              return name == "stdlib";
          }).empty());
    CHECK(unmet_needs({module("apt", "1.0.0", {}, {{"puppet", ">= 8.0.0"}})}, "", nowhere).empty());
    CHECK(unmet_needs({module("apt", "1.0.0", {}, {{"pe", ">= 2023.0.0"}})}, "7.23.0", nowhere).empty());
    CHECK(unmet_needs({module("apt", "1.0.0")}, "7.23.0", nowhere).empty());
}

TEST_CASE("a module that does not know the installed Puppet is named, whether that is Puppet or OpenVox") {
    const ModuleNeed puppet{"puppet", ">= 8.0.0 < 9.0.0"};
    const ModuleNeed openvox{"openvox", ">= 8.19.0 < 10.0.0"};
    CHECK(unmet_needs({module("apt", "1.0.0", {}, {puppet})}, "7.23.0", nowhere) ==
          Lines{"Puppetfile, modules/apt: it is for puppet >= 8.0.0 < 9.0.0, and does not know 7.23.0"});
    CHECK(unmet_needs({module("apt", "1.0.0", {}, {puppet})}, "8.10.0", nowhere).empty());
    CHECK(unmet_needs({module("apt", "1.0.0", {}, {puppet, openvox})}, "9.0.0", nowhere).empty());
    CHECK(ask_for_puppet({module("apt", "1.0.0"), module("web", "1.0.0", {}, {openvox})}));
    CHECK_FALSE(ask_for_puppet({module("apt", "1.0.0", {puppet}, {{"pe", ""}})}));
}

TEST_CASE("a damaged metadata.json is said, and stops nothing") {
    DeclaredModule apt = module("apt", "1.0.0", {{"acme-x", ""}});
    apt.metadata.problem = "it is no JSON object";
    CHECK(unmet_needs({apt}, "", nowhere).size() == 2);
    CHECK(unmet_needs({apt}, "", nowhere)[0] ==
          "Puppetfile, modules/apt: its metadata.json is damaged: it is no JSON object");
}
