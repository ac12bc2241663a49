#include "common/files/file.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
        names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
}

/// Beside a file called "file", until it is whole.
std::string temporary_name() { return "file.tmp" + std::to_string(getpid()); }

/// No file may grow: each write to a file fails, as on a full disk.
class NoWrites {
public:
    NoWrites() {
        getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = signal(SIGXFSZ, SIG_IGN);
        const rlimit none{0, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &none);
    }
    NoWrites(const NoWrites&) = delete;
    NoWrites& operator=(const NoWrites&) = delete;
    ~NoWrites() {
        setrlimit(RLIMIT_FSIZE, &before_);
        signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int) = SIG_DFL;
};

}  // namespace

TEST_CASE("a descriptor is closed once, by its last owner") {
    UniqueFd first(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int number = first.get();
    REQUIRE(number >= 0);
    UniqueFd second(std::move(first));
    CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): that it is empty is what is tested
    CHECK(second.get() == number);
    UniqueFd third;
    CHECK_FALSE(third);
    third = std::move(second);
    CHECK(third.get() == number);
    third.reset();
    CHECK_FALSE(third);
    CHECK(fcntl(number, F_GETFD) == -1);
    third.reset();
    CHECK_FALSE(third);
}

TEST_CASE("a file is written with its content and its mode, and read back") {
    const TemporaryRoot root;
    const fs::path path = root.path() / "file";
    const std::string content("line\0\xff\n", 7);
    write_file(path, content, 0640);
    CHECK(read_file(path, 7) == content);
    CHECK(root.mode("/file") == 0640);
    write_file(path, "", 0600);
    CHECK(read_file(path, 0).empty());
    CHECK(root.mode("/file") == 0600);
    CHECK(names_in(root.path()) == std::vector<std::string>{"file"});
}

TEST_CASE("the mode does not depend on the umask") {
    const TemporaryRoot root;
    const mode_t before = umask(0077);
    write_file(root.path() / "file", "x", 0644);
    make_folder(root.path() / "folder", 0755);
    umask(before);
    CHECK(root.mode("/file") == 0644);
    CHECK(root.mode("/folder") == 0755);
}

TEST_CASE("a file beyond the cap is refused, and one at the cap is not") {
    const TemporaryRoot root;
    root.write("/file", std::string(20000, 'x'));
    CHECK(read_file(root.path() / "file", 20000).size() == 20000);
    const Error error = error_of([&] { return read_file(root.path() / "file", 19999); });
    CHECK(error.code == "io.too_large");
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("the start of a file and its end can be had, however long it is") {
    const TemporaryRoot root;
    const std::string content = "0123456789" + std::string(40000, 'x');
    root.write("/file", content);
    for (const std::size_t most : {std::size_t{0}, std::size_t{10}, std::size_t{16384}, content.size() - 1,
                                   content.size(), content.size() + 1}) {
        CHECK(read_file_start(root.path() / "file", most) == content.substr(0, most));
        CHECK(read_file_end(root.path() / "file", most) ==
              content.substr(content.size() - std::min(most, content.size())));
    }
    CHECK_FALSE(read_file_start(root.path() / "absent", 10));
    CHECK_FALSE(read_file_end(root.path() / "absent", 10));
    CHECK(error_of([&] { return read_file_start(root.path(), 10); }).code == "io.failed");
}

TEST_CASE("the end of a file is its end where its size does not fit into 32 bits") {
    const TemporaryRoot root;
    root.write("/file", "begins");
    constexpr off_t size = (off_t{1} << 32U) + 4;
    const UniqueFd file(open((root.path() / "file").c_str(), O_WRONLY | O_CLOEXEC));
    REQUIRE(pwrite(file.get(), "ends", 4, size - 4) == 4);
    CHECK(read_file_end(root.path() / "file", 6) == std::string("\0\0ends", 6));
}

TEST_CASE("a file that is not there is told apart from one that cannot be read") {
    const TemporaryRoot root;
    root.write("/file", "x");
    CHECK_FALSE(read_file_if_exists(root.path() / "absent", 10));
    CHECK_FALSE(read_file_if_exists(root.path() / "absent/deeper", 10));
    CHECK_FALSE(read_file_if_exists(root.path() / "file/deeper", 10));
    CHECK_FALSE(read_file_if_exists("", 10));
    CHECK(read_file_if_exists(root.path() / "file", 10) == "x");
    CHECK(error_of([&] { return read_file(root.path() / "absent", 10); }).code == "io.failed");
    CHECK(error_of([&] { return read_file_if_exists(root.path(), 10); }).code == "io.failed");  // a folder
    CHECK(error_of([&] { return read_file_if_exists(root.path() / std::string(300, 'x'), 10); }).code == "io.failed");
}

TEST_CASE("a replacement that fails leaves the old content and no temporary file") {
    const TemporaryRoot root;
    const fs::path path = root.path() / "file";
    write_file(path, "old", 0644);
    {
        const NoWrites full;
        CHECK(error_of([&] { return write_file(path, "new", 0644), 0; }).code == "io.failed");
    }
    CHECK(read_file(path, 10) == "old");
    CHECK(names_in(root.path()) == std::vector<std::string>{"file"});
}

TEST_CASE("writing over a folder, or into none, is an error") {
    const TemporaryRoot root;
    root.make_folder("/folder/inside");
    CHECK(error_of([&] { return write_file(root.path() / "folder", "x", 0644), 0; }).code == "io.failed");
    CHECK(error_of([&] { return write_file(root.path() / "no/folder", "x", 0644), 0; }).code == "io.failed");
    CHECK(names_in(root.path()) == std::vector<std::string>{"folder"});
}

TEST_CASE("a link that lies where the temporary file goes is not followed") {
    const TemporaryRoot root;
    root.write("/victim", "precious");
    fs::create_symlink(root.path() / "victim", root.path() / temporary_name());
    write_file(root.path() / "file", "x", 0644);
    CHECK(root.read("/victim") == "precious");
    CHECK(root.read("/file") == "x");
    CHECK(names_in(root.path()) == std::vector<std::string>{"file", "victim"});
}

TEST_CASE("a file is nobody else's until it is whole, whatever the umask and whatever lay there") {
    const TemporaryRoot root;
    const std::string temporary = "/" + temporary_name();
    root.write(temporary, "", 0666);
    const UniqueFd of_somebody_else(open(root.path(temporary).c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(of_somebody_else);
    const mode_t before = umask(0);
    FileReplacement file(root.path("/file"), 0640);
    umask(before);
    file.append("secret");
    CHECK(root.mode(temporary) == 0600);
    char byte = 0;
    CHECK(read(of_somebody_else.get(), &byte, 1) == 0);
    file.finish();
    CHECK(root.read("/file") == "secret");
    CHECK(root.mode("/file") == 0640);
}

TEST_CASE("a reader sees the old content or the new, never a mixture") {
    const TemporaryRoot root;
    const fs::path path = root.path() / "file";
    const std::string old_content(50000, 'a');
    const std::string new_content(70000, 'b');
    write_file(path, old_content, 0644);
    std::atomic<bool> done = false;
    int strange = 0;
    std::thread reader([&] {
        while (!done) {
            const std::string content = read_file(path, 100000);
            strange += content == old_content || content == new_content ? 0 : 1;
        }
    });
    for (int i = 0; i < 50; ++i) {
        write_file(path, i % 2 == 0 ? new_content : old_content, 0644);
    }
    done = true;
    reader.join();
    CHECK(strange == 0);
}

TEST_CASE("folders are made with their parents, and existing ones get the mode") {
    const TemporaryRoot root;
    make_folder(root.path() / "a/b/c", 0700);
    CHECK(root.mode("/a/b/c") == 0700);
    make_folder(root.path() / "a/b/c", 0755);
    CHECK(root.mode("/a/b/c") == 0755);
    root.write("/file", "x");
    CHECK_THROWS_AS(make_folder(root.path() / "file", 0755), Error);
    CHECK_THROWS_AS(make_folder(root.path() / "file/deeper", 0755), Error);
}

TEST_CASE("flushing a folder and its file system works, and fails where there is none") {
    const TemporaryRoot root;
    CHECK_NOTHROW(sync_folder(root.path()));
    CHECK_NOTHROW(sync_file_system(root.path()));
    CHECK_THROWS_AS(sync_folder(root.path() / "absent"), Error);
    CHECK_THROWS_AS(sync_file_system(root.path() / "absent"), Error);
}

TEST_CASE("a tree is removed without following the links in it") {
    const TemporaryRoot root;
    root.write("/outside/precious", "x");
    root.write("/tree/deep/file", "x");
    fs::create_directory_symlink(root.path() / "outside", root.path() / "tree/link");
    remove_tree(root.path() / "tree");
    CHECK_FALSE(root.exists("/tree"));
    CHECK(root.read("/outside/precious") == "x");
    CHECK_NOTHROW(remove_tree(root.path() / "absent"));
    fs::create_directory_symlink(root.path() / "outside", root.path() / "link");
    remove_tree(root.path() / "link");
    CHECK_FALSE(root.exists("/link"));
    CHECK(root.exists("/outside/precious"));
}

TEST_CASE("a tree that cannot be removed is an error that names it") {
    const Error error = error_of([] { return remove_tree("/sys/class/net"), 0; });  // the kernel lets nobody
    CHECK(error.code.starts_with("io."));
    CHECK(error.message.find("/sys/class/net") != std::string::npos);
}

TEST_CASE("a tree is removed however deep it is, and with few open files") {
    const TemporaryRoot root;
    constexpr int depth = 200;
    const std::string name(200, 'd');  // so that a path is longer than PATH_MAX
    root.make_folder("/tree");
    root.write("/tree/.deep0", "a name that the removal would like to have");
    UniqueFd folder(open(root.path("/tree").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int i = 0; i < depth; ++i) {
        REQUIRE(mkdirat(folder.get(), name.c_str(), 0700) == 0);
        REQUIRE(mkdirat(folder.get(), "e", 0700) == 0);
        REQUIRE(symlinkat("/", folder.get(), "link") == 0);
        folder = UniqueFd(openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        REQUIRE(folder);
    }
    folder.reset();
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit few{64, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    CHECK_NOTHROW(remove_tree(root.path("/tree")));
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK_FALSE(root.exists("/tree"));
}

TEST_CASE("what a tree is replaced by while it is removed is not followed") {
    const TemporaryRoot root;
    root.write("/outside/precious", "x");
    const fs::path tree = root.path() / "tree";
    const fs::path name = tree / "name";
    const fs::path link = root.path() / "link";
    fs::create_directory_symlink(root.path() / "outside", link);
    std::atomic<bool> is_done = false;
    fs::create_directories(name / "below");
    std::thread attacker([&] {
        while (!is_done) {
            renameat2(AT_FDCWD, name.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
        }
    });
    for (int i = 0; i < 100; ++i) {
        std::error_code ignored;
        fs::create_directories(name / "below", ignored);
        try {
            remove_tree(tree);
        } catch (const Error& error) {
            CHECK(error.code == "io.failed");  // it goes on being written
        }
    }
    is_done = true;
    attacker.join();
    CHECK(root.read("/outside/precious") == "x");
    remove_tree(tree);
    CHECK_FALSE(root.exists("/tree"));
}

TEST_CASE("a link is made, led elsewhere as a whole, and left alone where it is right") {
    const TemporaryRoot root;
    const fs::path link = root.path() / "current";
    point_to(link, "one");
    CHECK(fs::read_symlink(link) == "one");
    struct stat before {};
    REQUIRE(lstat(link.c_str(), &before) == 0);
    point_to(link, "one");
    struct stat after {};
    REQUIRE(lstat(link.c_str(), &after) == 0);
    CHECK(before.st_ino == after.st_ino);
    point_to(link, "two");
    CHECK(fs::read_symlink(link) == "two");
    CHECK(names_in(root.path()) == std::vector<std::string>{"current"});
}

TEST_CASE("a link takes the place of a file, and what a killed one left does no harm") {
    const TemporaryRoot root;
    root.write("/current", "a file");
    point_to(root.path() / "current", "one");
    CHECK(fs::read_symlink(root.path() / "current") == "one");
    CHECK(error_of([&] { return point_to(root.path() / "absent/current", "one"), 0; }).code.starts_with("io."));
    root.make_folder("/folder/x");
    CHECK(error_of([&] { return point_to(root.path() / "folder", "one"), 0; }).code.starts_with("io."));
    CHECK(root.exists("/folder/x"));
}
