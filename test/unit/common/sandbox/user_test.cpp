#include "common/sandbox/user.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>

using namespace bootwright;

TEST_CASE("a folder for who speaks to servers is theirs alone") {
    const TemporaryRoot root;
    make_folder_for_confined(root.path() / "work");
    struct stat status {};
    REQUIRE(stat((root.path() / "work").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == 0700);
    CHECK(status.st_uid == (geteuid() == 0 ? find_user(confined_user).value_or(nobody).uid : geteuid()));
}

TEST_CASE("what cannot be given to who speaks to servers is an error, where there is a right to give it") {
    const TemporaryRoot root;
    const std::filesystem::path missing = root.path() / "missing";
    if (geteuid() == 0) {
        CHECK(error_of([&] { return give_to_confined(missing), 0; }).code == "io.failed");
    } else {
        CHECK_NOTHROW(give_to_confined(missing));
    }
}

TEST_CASE("a user is found by name") {
    CHECK(find_user("root")->uid == 0);
    CHECK_FALSE(find_user("no such user"));
}
