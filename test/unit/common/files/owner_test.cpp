#include "common/files/owner.hpp"

#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

using namespace bootwright;

namespace {

struct World {
    TemporaryRoot root{};
    World() {
        root.write("/etc/bootwright/role.json", "{}");
        chmod(root.path("/etc").c_str(), 0755);
        chmod(root.path("/etc/bootwright").c_str(), 0755);
    }
    [[nodiscard]] bool is_ours() const { return is_roots_alone(root.path(), "/etc/bootwright/role.json"); }
};

}  // namespace

TEST_CASE("a file in folders that nobody else can write is root's alone") {
    const World world;
    CHECK(world.is_ours());
    CHECK_FALSE(is_roots_alone(world.root.path(), "/etc/bootwright/none.json"));
}

TEST_CASE("what others may write, the file or a folder on the way, is not") {
    for (const char* place : {"/etc/bootwright/role.json", "/etc/bootwright", "/etc"}) {
        for (const mode_t open : {mode_t{0020}, mode_t{0002}}) {
            const World world;
            chmod(world.root.path(place).c_str(), 0755 | open);
            CHECK_FALSE(world.is_ours());
        }
    }
}

TEST_CASE("nor is what a link leads to") {
    const World world;
    std::filesystem::rename(world.root.path("/etc/bootwright"), world.root.path("/etc/other"));
    std::filesystem::create_directory_symlink("other", world.root.path("/etc/bootwright"));
    CHECK_FALSE(world.is_ours());
    CHECK(is_roots_alone(world.root.path(), "/etc/other/role.json"));
    std::filesystem::create_symlink("role.json", world.root.path("/etc/other/link.json"));
    CHECK_FALSE(is_roots_alone(world.root.path(), "/etc/other/link.json"));
}

TEST_CASE("nor what belongs to somebody else") {
    if (geteuid() != 0) {
        SKIP("only root gives files away");
    }
    for (const char* place : {"/etc/bootwright/role.json", "/etc/bootwright"}) {
        const World world;
        REQUIRE(chown(world.root.path(place).c_str(), 65534, 65534) == 0);
        CHECK_FALSE(world.is_ours());
    }
}
