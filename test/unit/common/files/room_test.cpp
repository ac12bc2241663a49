#include "common/files/room.hpp"

#include "common/base/error.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace bootwright;

TEST_CASE("what a file system has left is shown in whole mebibytes, and files where it counts them") {
    CHECK(Room{.bytes = (std::uint64_t{8} << 20U) - 1, .files = 12, .block = 4096}.shown() == "7 MiB and 12 files");
    CHECK(Room{.bytes = 0, .files = std::numeric_limits<std::uint64_t>::max(), .block = 1}.shown() == "0 MiB");
}

TEST_CASE("a file system that is not full has room, and a folder that is missing is an error") {
    const TemporaryRoot folder;
    CHECK(room_in(folder.path()).bytes > 0);
    CHECK(room_in(folder.path()).files > 0);
    CHECK_NOTHROW(require_room(folder.path(), "now"));
    CHECK_THROWS_AS(room_in(folder.path() / "missing"), Error);
}

TEST_CASE("a file system without a byte left has no room") {
    // /proc says of itself that nothing is free.
    CHECK_THROWS_AS(require_room("/proc", "after 3 MiB"), Error);
}

TEST_CASE("one file that there is room for is not called files") {
    CHECK(Room{.bytes = std::uint64_t{5} << 20U, .files = 1, .block = 4096}.shown() == "5 MiB and 1 file");
    CHECK(Room{.bytes = std::uint64_t{5} << 20U, .files = 2, .block = 4096}.shown() == "5 MiB and 2 files");
}
