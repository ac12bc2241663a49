#include "test/fakes/examined.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace bootwright;

TEST_CASE("our files are good as docs/files.md has them, and also if there are none") {
    const FakeSystem fake;
    const std::string all_good = "good: our files and folders are for whom they should be\n";
    CHECK(in_lines(examined(fake.system, "permissions")) == all_good);
    fake.root.write("/var/lib/bootwright/instance.json", "{}", 0600);
    std::filesystem::permissions(fake.root.path("/var/lib/bootwright"), std::filesystem::perms(0700));
    fake.root.write("/run/bootwright/status.json", "{}", 0644);
    CHECK(in_lines(examined(fake.system, "permissions")) == all_good);
}

TEST_CASE("what lets others in is bad, and the command that ends it is said") {
    const FakeSystem fake;
    fake.root.write("/var/lib/bootwright/last_good.json", "{}", 0644);
    fake.root.write("/run/bootwright/status.json", "{}", 0646);
    const auto findings = examined(fake.system, "permissions");
    REQUIRE(findings.size() == 3);  // the folder of the state, too
    CHECK(findings[0].advice == "chmod 0700 " + fake.root.path("/var/lib/bootwright").string());
    CHECK(findings[1].what.ends_with("last_good.json has mode 0644, which lets others in"));
    CHECK(findings[2].advice == "chmod 0644 " + fake.root.path("/run/bootwright/status.json").string());
}

TEST_CASE("a link in the place of one of our files is bad") {
    const FakeSystem fake;
    fake.root.make_folder("/run/bootwright");
    std::filesystem::create_symlink("/etc/passwd", fake.root.path("/run/bootwright/status.json"));
    CHECK(in_lines(examined(fake.system, "permissions")).find("status.json is a symbolic link") != std::string::npos);
}
