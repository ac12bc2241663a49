#include "common/files/file.hpp"

#include "common/base/error.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

using namespace bootwright;
namespace fs = std::filesystem;

TEST_CASE("a lock is held by one at a time, until it goes") {
    const TemporaryRoot root;
    const fs::path path = root.path() / "lock";
    auto first = FileLock::try_take(path);
    REQUIRE(first);
    CHECK_FALSE(FileLock::try_take(path));
    FileLock moved = std::move(*first);
    first.reset();
    CHECK_FALSE(FileLock::try_take(path));
    { const FileLock gone = std::move(moved); }
    CHECK(FileLock::try_take(path));
    CHECK_NOTHROW(FileLock::take(path));
}

TEST_CASE("whoever waits for a lock gets it when it is free") {
    const TemporaryRoot root;
    const fs::path path = root.path() / "lock";
    std::atomic<int> holders = 0;
    std::atomic<int> most = 0;
    const auto work = [&] {
        for (int i = 0; i < 50; ++i) {
            const FileLock lock = FileLock::take(path);
            most = std::max(most.load(), ++holders);
            --holders;
        }
    };
    std::thread first(work);
    std::thread second(work);
    first.join();
    second.join();
    CHECK(most == 1);
}

TEST_CASE("a lock that cannot be taken is an error, not a free lock") {
    const TemporaryRoot root;
    CHECK_THROWS_AS(FileLock::try_take(root.path() / "no/folder/lock"), Error);
    CHECK_THROWS_AS(FileLock::take(root.path() / "no/folder/lock"), Error);
    CHECK_THROWS_AS(FileLock::try_take(root.path()), Error);
    root.write("/file", "x");
    fs::create_symlink(root.path() / "file", root.path() / "link");
    CHECK_THROWS_AS(FileLock::try_take(root.path() / "link"), Error);
}
