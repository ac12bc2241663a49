#include "agent/run/accept.hpp"

#include "common/files/file.hpp"
#include "test/fakes/captured_errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <string>

using namespace bootwright;

namespace {

std::string target(const FakeSystem& fake, const std::string& link) {
    std::error_code none;
    return std::filesystem::read_symlink(fake.root.path("/var/lib/bootwright/" + link), none).string();
}

Accepted accepted(const std::string& configuration, const Revisions& repositories) {
    return {.instance = {}, .role = {}, .checkout = {}, .configuration = configuration, .repositories = repositories};
}

}  // namespace

TEST_CASE("what is tried out sees its own revisions of the other repositories, and then all is as before") {
    const FakeSystem fake;
    for (const char* folder : {"configuration", "repositories/data", "repositories/more"}) {
        fake.root.make_folder(std::string("/var/lib/bootwright/") + folder);
    }
    use_repositories(fake.system, "aaaa", {{"data", "bbbb"}});
    {
        const RepositoriesLent lent(fake.system, accepted("cccc", {{"data", "dddd"}, {"more", "eeee"}}));
        CHECK(target(fake, "configuration/current") == "cccc");
        CHECK(target(fake, "repositories/data/current") == "dddd");
        CHECK(target(fake, "repositories/more/current") == "eeee");
    }
    CHECK(target(fake, "configuration/current") == "aaaa");
    CHECK(target(fake, "repositories/data/current") == "bbbb");
}

TEST_CASE("links that cannot be put back are a line of the log") {
    const FakeSystem fake;
    fake.root.make_folder("/var/lib/bootwright/repositories/data");
    use_repositories(fake.system, "", {{"data", "bbbb"}});
    const CapturedErrors errors;
    {
        const RepositoriesLent lent(fake.system, accepted("", {{"data", "dddd"}}));
        fake.root.remove("/var/lib/bootwright/repositories");
    }
    CHECK(errors.text().find("repositories/data") != std::string::npos);
}
