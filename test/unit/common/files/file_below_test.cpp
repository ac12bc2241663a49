#include "common/files/file.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

using namespace bootwright;
namespace fs = std::filesystem;

TEST_CASE("a file below a folder is read, and no link leads out of it") {
    const TemporaryRoot root;
    root.write("/outside", "secret");
    root.write("/in/instances/web.json", "web");
    fs::create_symlink("instances/web.json", root.path() / "in/within");
    fs::create_symlink("instances", root.path() / "in/folder");
    fs::create_symlink("../outside", root.path() / "in/up");
    fs::create_symlink(root.path() / "outside", root.path() / "in/absolute");
    fs::create_symlink("..", root.path() / "in/parent");
    fs::create_symlink("in", root.path() / "to-it");
    const auto read = [&](const std::string& relative) { return read_file_below(root.path() / "in", relative, 10); };
    CHECK(read("instances/web.json") == "web");
    CHECK(read("within") == "web");
    CHECK(read("folder/web.json") == "web");
    CHECK(read("instances/../instances/web.json") == "web");
    for (const char* path : {"absent", "absent/x", "up", "absolute", "parent/outside", "../outside", "/etc/passwd",
                             "instances", "", "instances/web.json/x"}) {
        CAPTURE(path);
        CHECK_FALSE(read(path));
    }
}

TEST_CASE("what is no regular file below a folder is none, and is never waited for") {
    const TemporaryRoot root;
    REQUIRE(mkfifo((root.path() / "pipe").c_str(), 0600) == 0);
    CHECK_FALSE(read_file_below(root.path(), "pipe", 10));
}

TEST_CASE("a file below a folder that cannot be opened is not called absent") {
    const TemporaryRoot root;
    root.write("/file", "x");
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int next = UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)).get();
    rlimit one_more = before;
    one_more.rlim_cur = static_cast<rlim_t>(next) + 1;  // the folder, and not the file
    REQUIRE(setrlimit(RLIMIT_NOFILE, &one_more) == 0);
    const Error error = error_of([&] { return read_file_below(root.path(), "file", 5); });
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(error.code == "io.failed");
    CHECK(error.message == "cannot open " + (root.path() / "file").string() + ": Too many open files");
    CHECK(read_file_below(root.path(), "file", 5) == "x");
}

TEST_CASE("a file below a folder has a limit, and the folder itself must be there") {
    const TemporaryRoot root;
    root.write("/file", "12345");
    CHECK(read_file_below(root.path(), "file", 5) == "12345");
    CHECK(error_of([&] { return read_file_below(root.path(), "file", 4); }).code == "io.too_large");
    CHECK(error_of([&] { return read_file_below(root.path() / "absent", "file", 4); }).code.starts_with("io."));
}
