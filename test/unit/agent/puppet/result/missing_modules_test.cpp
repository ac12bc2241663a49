#include "agent/puppet/result/missing_modules.hpp"

#include "common/files/file.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("a Puppetfile tells what is missing, although it is Ruby") {
    const TemporaryRoot root;
    const Checkout checkout{.folder = root.path()};
    write_file(
        root.path() / "Puppetfile",
        "require 'x'\nmod 'puppetlabs/stdlib', '9.0.0'\n  mod(\"puppet-nginx\", :latest)\n# mod 'a/comment'\n"
        "modules.each { |m| mod m }\nmoduledir 'external'\nmod 'ntp',\n  :git => 'x'\nmod 'vendored'\nmodule 'no'\n",
        0600);
    make_folder(root.path() / "external", 0700);
    make_folder(root.path() / "external/vendored", 0700);
    const auto modules = missing_modules(checkout);
    REQUIRE(modules.size() == 3);
    CHECK((modules[0].name == "stdlib" && modules[0].line == 2));
    CHECK((modules[1].name == "nginx" && modules[1].line == 3));
    CHECK((modules[2].name == "ntp" && modules[2].line == 7));
    CHECK(listed(modules) == "stdlib (line 2), nginx (line 3), ntp (line 7)");
}

TEST_CASE("a name that is not found is that of a missing module, or may be in one") {
    const std::vector<MissingModule> modules{{"nginx", 7}, {"inifile", 9}};
    for (const char* reason : {"Could not find class ::nginx for i-1 (file: a.pp, line: 1)",
                               "Could not find class nginx::server for i-1", "Could not find declared class nginx",
                               "Unknown function: 'nginx::port'.", "Resource type not found: Nginx::Site",
                               "Unknown resource type: 'nginx::site'", "Could not find template 'nginx/site.erb'"}) {
        CHECK(missing_behind(reason, modules) == "declares the module nginx (line 7)");
    }
    for (const char* reason : {"Unknown resource type: 'ini_setting'", "Unknown function: 'ensure_packages'."}) {
        CHECK(missing_behind(reason, modules) == "declares modules that may have it: nginx (line 7), inifile (line 9)");
    }
    for (const char* reason :
         {"Could not find class ::ngnix for i-1", "Could not find class ::profile::web for i-1",
          "Unknown function: 'profile::port'.", "Syntax error at 'nginx'", "Unknown function: '"}) {
        CHECK(missing_behind(reason, modules).empty());
    }
    CHECK(missing_behind("Could not find class ::nginx for i-1", {}).empty());
}
