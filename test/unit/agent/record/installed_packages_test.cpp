#include "agent/record/installed_packages.hpp"

#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <unistd.h>

#include <string>

using namespace bootwright;

namespace {

constexpr const char* status_file = "/var/lib/dpkg/status";

std::string paragraph(const std::string& package, const std::string& version, const std::string& state = "installed",
                      const std::string& architecture = "amd64") {
    return "Package: " + package + "\nStatus: install ok " + state +
           "\nPriority: required\nArchitecture: " + architecture + "\nVersion: " + version +
           "\nDescription: of something\n Version: 9 of what is said of it\n\n";
}

const std::string dpkg = paragraph("dpkg", "1.21.22");

std::optional<Packages> packages_of(const std::string& status) {
    const FakeSystem fake;
    fake.root.write(status_file, status);
    return installed_packages(fake.system);
}

}  // namespace

TEST_CASE("the packages that dpkg has installed, with their versions") {
    const auto packages =
        packages_of(dpkg + paragraph("libc6", "2.36-9") + paragraph("libc6", "2.36-8", "installed", "i386") +
                    paragraph("adduser", "3.134", "installed", "all") + paragraph("passwd", "1:4.13+dfsg1-1"));
    CHECK(packages == Packages{{"dpkg", "1.21.22"},
                               {"libc6", "2.36-9"},
                               {"libc6:i386", "2.36-8"},
                               {"adduser", "3.134"},
                               {"passwd", "1:4.13+dfsg1-1"}});
}

TEST_CASE("what was removed is not there, and what dpkg has not ended with says so") {
    const auto packages =
        packages_of(dpkg + paragraph("removed", "1", "config-files") + paragraph("never", "1", "not-installed") +
                    paragraph("waiting", "1", "triggers-pending") + paragraph("torn", "2", "half-configured") +
                    paragraph("laid-out", "3", "unpacked"));
    CHECK(packages ==
          Packages{{"dpkg", "1.21.22"}, {"waiting", "1"}, {"torn", "2 half-configured"}, {"laid-out", "3 unpacked"}});
}

TEST_CASE("no database is not an empty one") {
    const FakeSystem fake;
    CHECK_FALSE(installed_packages(fake.system));
    CHECK(package_database_stamp(fake.system).empty());
    fake.root.write(status_file, "");
    CHECK(installed_packages(fake.system) == Packages{});
    CHECK_FALSE(package_database_stamp(fake.system).empty());
}

TEST_CASE("what dpkg has not merged into its database yet counts, in its order") {
    const FakeSystem fake;
    fake.root.write(status_file, dpkg + paragraph("curl", "1") + paragraph("tree", "1"));
    fake.root.write("/var/lib/dpkg/updates/0001", paragraph("curl", "2", "half-configured"));
    fake.root.write("/var/lib/dpkg/updates/0000",
                    paragraph("curl", "2", "unpacked") + paragraph("tree", "1", "config-files"));
    fake.root.write("/var/lib/dpkg/updates/tmp.i", paragraph("curl", "9"));
    CHECK(installed_packages(fake.system) == Packages{{"dpkg", "1.21.22"}, {"curl", "2 half-configured"}});
}

TEST_CASE("a database that ends within a line, or is no file, is not known") {
    const std::string whole = dpkg + paragraph("curl", "7.88.1");
    CHECK(packages_of(whole.substr(0, whole.rfind("88.1") + 2)) == std::nullopt);
    CHECK(packages_of("\x7f"
                      "ELF") == std::nullopt);
    const FakeSystem fake;
    fake.root.make_folder(status_file);
    CHECK_FALSE(installed_packages(fake.system));
}

TEST_CASE("a database without its last empty line is whole") {
    CHECK(packages_of(dpkg.substr(0, dpkg.size() - 1)) == Packages{{"dpkg", "1.21.22"}});
}

TEST_CASE("what dpkg never writes is passed over") {
    const std::string bad = GENERATE(
        paragraph("a\x1b[2J", "1"), paragraph("", "1"), paragraph(std::string(300, 'a'), "1"), paragraph("a/../b", "1"),
        paragraph("a", ""), paragraph("a", "1 2"), paragraph("a", "1\x07"), paragraph("a", std::string(300, '1')),
        paragraph("a", "1", "installed", "amd64:x"), paragraph("a", "1", "\xff"),
        std::string("Package: a\nVersion: 1\n\n"), std::string("Package: a\nStatus: install ok installed\n\n"),
        std::string("\n\n\n"), std::string(1, '\0') + "\n\n");
    CHECK(packages_of(dpkg + bad + paragraph("curl", "1")) == Packages{{"dpkg", "1.21.22"}, {"curl", "1"}});
}

TEST_CASE("a database that is too large to be one is not read") {
    const FakeSystem fake;
    fake.root.write(status_file, "");
    REQUIRE(truncate(fake.root.path(status_file).c_str(), (off_t{64} << 20U) + 1) == 0);
    CHECK_FALSE(installed_packages(fake.system));
}

TEST_CASE("the stamp is another one after each change of dpkg's") {
    const FakeSystem fake;
    fake.root.write(status_file, dpkg);
    const std::string first = package_database_stamp(fake.system);
    CHECK(package_database_stamp(fake.system) == first);
    fake.root.write("/var/lib/dpkg/updates/0000", paragraph("curl", "1"));
    const std::string second = package_database_stamp(fake.system);
    CHECK(second != first);
    fake.root.write(status_file, dpkg + paragraph("curl", "1"));
    CHECK(package_database_stamp(fake.system) != second);
}
