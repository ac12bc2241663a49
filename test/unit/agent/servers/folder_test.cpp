#include "agent/servers/folder.hpp"

#include "common/files/file.hpp"
#include "common/sandbox/user.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

const std::string revision(40, 'a');
const std::string one = snapshot_name(revision, "https://one.example.com/{revision}");
const std::string two = snapshot_name(revision, "https://two.example.com/{revision}");

struct World {
    [[nodiscard]] fs::path downloads() const { return root.path() / "download"; }
    [[nodiscard]] fs::path partial(const std::string& name) const { return downloads() / "partial" / name; }
    /// A transfer that broke off, with what `work` left in its folder.
    template <typename Work>
    void break_off(const std::string& name, Work work) const {
        const DownloadFolder folder(downloads(), name);
        work(folder.path());
        folder.keep_partial();
    }
    void break_off_after(const std::string& name, const std::string& content) const {
        break_off(name, [&](const fs::path& folder) { leave(folder, content); });
    }
    static void leave(const fs::path& folder, const std::string& content) {
        write_file(folder / "download", content, 0600);
        write_file(folder / "download.etag", "\"tag\"", 0600);
    }
    /// What the next transfer finds.
    [[nodiscard]] std::optional<std::string> found(const std::string& name) const {
        const DownloadFolder folder(downloads(), name);
        return read_file_if_exists(folder.file(), 1000);
    }
    TemporaryRoot root{};
};

struct stat status_of(const fs::path& path) {
    struct stat status {};
    CHECK(lstat(path.c_str(), &status) == 0);
    return status;
}

}  // namespace

TEST_CASE("the folder of a transfer is fresh, of the user that has no rights, and below one that he cannot list") {
    const World world;
    fs::path first;
    {
        const DownloadFolder folder(world.downloads());
        first = folder.path();
        CHECK(fs::is_empty(first));
        CHECK((status_of(first).st_mode & 07777U) == 0700);
        CHECK((status_of(world.downloads()).st_mode & 07777U) == 0700);
        CHECK(status_of(world.downloads()).st_uid == geteuid());
        const uid_t expected = geteuid() == 0 ? find_user(confined_user).value_or(nobody).uid : geteuid();
        CHECK(status_of(first).st_uid == expected);
        write_file(first / "ssh_key", "x", 0600);
    }
    CHECK_FALSE(fs::exists(first));
    CHECK(DownloadFolder(world.downloads()).path() != first);
    CHECK(fs::is_empty(world.downloads()));
}

TEST_CASE("a folder that its user has filled with whatever goes all the same") {
    const World world;
    world.root.write("/precious", "x");
    {
        const DownloadFolder folder(world.downloads());
        fs::create_directory_symlink(world.root.path(), folder.path() / "link");
        REQUIRE(mkfifo((folder.path() / "download").c_str(), 0600) == 0);
        UniqueFd deep(open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        for (int i = 0; i < 1100; ++i) {
            REQUIRE(mkdirat(deep.get(), "d", 0700) == 0);
            deep = UniqueFd(openat(deep.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        }
    }
    CHECK(fs::is_empty(world.downloads()));
    CHECK(world.root.read("/precious") == "x");
}

TEST_CASE("what came of a snapshot is handed to the next transfer of the same snapshot from the same place only") {
    const World world;
    world.break_off_after(one, "half of it");
    CHECK_FALSE(world.found(two));
    CHECK_FALSE(world.found(snapshot_name(std::string(40, 'b'), "https://one.example.com/{revision}")));
    const ino_t kept = status_of(world.partial(one)).st_ino;
    {
        const DownloadFolder folder(world.downloads(), one);
        CHECK(read_file(folder.file(), 100) == "half of it");
        CHECK(read_file(folder.path() / "download.etag", 100) == "\"tag\"");
        CHECK(status_of(folder.file()).st_ino != kept);  // who has the old one open reaches it in vain
        CHECK_FALSE(fs::exists(world.partial(one)));
    }
    CHECK_FALSE(world.found(one));
}

TEST_CASE("what a killed process has left of a snapshot is gone on with, and nothing else of it") {
    const World world;
    const fs::path left = world.downloads() / (one + ".0123456789abcdef");
    fs::create_directories(left);
    World::leave(left, "half of it");
    write_file(left / "ssh_key", "x", 0600);
    const fs::path other = world.downloads() / "0123456789abcdef";
    fs::create_directories(other);
    World::leave(other, "of no snapshot");
    CHECK_FALSE(world.found(two));
    CHECK_FALSE(fs::exists(left));
    CHECK_FALSE(fs::exists(other));
    CHECK(world.found(one) == "half of it");
}

TEST_CASE("what is no plain file, or cannot be gone on with, is not kept") {
    const World world;
    world.root.write("/precious", "x");
    const fs::path precious = world.root.path() / "precious";
    const auto tag = [](const fs::path& folder) { write_file(folder / "download.etag", "\"tag\"", 0600); };
    world.break_off(one, [](const fs::path&) {});
    world.break_off(one, [](const fs::path& folder) { write_file(folder / "download", "no tag", 0600); });
    world.break_off(one, [](const fs::path& folder) {
        World::leave(folder, "x");
        write_file(folder / "download.etag", std::string("\"") + std::string(2000, 'x'), 0600);
    });
    world.break_off(one, [](const fs::path& folder) {
        World::leave(folder, "x");
        write_file(folder / "download.etag", "\"a\"\r\nX-Header: b", 0600);
    });
    world.break_off_after(one, "");
    world.break_off(one, [&](const fs::path& folder) {
        tag(folder);
        fs::create_symlink(precious, folder / "download");
    });
    world.break_off(one, [&](const fs::path& folder) {
        tag(folder);
        fs::create_hard_link(precious, folder / "download");
    });
    world.break_off(one, [&](const fs::path& folder) {
        tag(folder);
        REQUIRE(mkfifo((folder / "download").c_str(), 0600) == 0);
    });
    world.break_off(one, [&](const fs::path& folder) {
        tag(folder);
        fs::create_directories(folder / "download/deep");
    });
    world.break_off(one, [&](const fs::path& folder) {
        write_file(folder / "download", "x", 0600);
        fs::create_symlink(precious, folder / "download.etag");
    });
    CHECK_FALSE(world.found(one));
    CHECK(world.root.read("/precious") == "x");
}

TEST_CASE("what is kept is bounded, and the largest goes first") {
    const World world;
    const auto sparse = [](off_t size) {
        return [=](const fs::path& folder) {
            World::leave(folder, "x");
            REQUIRE(truncate((folder / "download").c_str(), size) == 0);
        };
    };
    world.break_off(one, sparse((off_t{1} << 30) + 1));
    CHECK_FALSE(fs::exists(world.partial(one)));
    world.break_off(two, sparse(off_t{1} << 29));
    world.break_off(one, sparse((off_t{1} << 29) + 1));
    CHECK_FALSE(fs::exists(world.partial(one)));
    CHECK(fs::exists(world.partial(two)));
}

TEST_CASE("what is kept of other revisions is forgotten, and in the end all of it") {
    const World world;
    const std::string other = snapshot_name(std::string(40, 'b'), "https://one.example.com/");
    world.break_off_after(one, "x");
    world.break_off_after(other, "x");
    forget_partials(world.downloads(), revision);
    CHECK(fs::exists(world.partial(one)));
    CHECK_FALSE(fs::exists(world.partial(other)));
    forget_partials(world.downloads(), "");
    CHECK(fs::is_empty(world.downloads()));
}
