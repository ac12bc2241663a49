#include "agent/repository/modules/r10k.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>
#include <unistd.h>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

struct World {
    TemporaryRoot root{};
    fs::path from = root.path() / "from";
    fs::path to = root.path() / "to";

    World() {
        root.make_folder("/from");
        root.make_folder("/to");
    }
    void copy() const { copy_modules(from, to); }
};

}  // namespace

TEST_CASE("files, folders, executable bits and links that stay inside are copied") {
    const World world;
    world.root.write("/from/modules/extra/manifests/init.pp", "class extra { }\n", 0600);
    world.root.write("/from/modules/extra/bin/run", "#!/bin/sh\n", 0700);
    world.root.write("/from/modules/extra/.git/config", "[core]\n");
    fs::create_symlink("../manifests", world.from / "modules/extra/bin/link");
    fs::create_symlink("../../../top", world.from / "modules/extra/bin/to-the-root");
    world.copy();
    CHECK(world.root.read("/to/modules/extra/manifests/init.pp") == "class extra { }\n");
    CHECK(world.root.mode("/to/modules/extra/manifests/init.pp") == 0644);
    CHECK(world.root.mode("/to/modules/extra/bin/run") == 0755);
    CHECK(world.root.mode("/to/modules/extra") == 0755);
    CHECK(fs::read_symlink(world.to / "modules/extra/bin/link") == "../manifests");
    CHECK(fs::read_symlink(world.to / "modules/extra/bin/to-the-root") == "../../../top");
    CHECK_FALSE(world.root.exists("/to/modules/extra/.git"));
}

TEST_CASE("what the tree has wins, and its modules are not mixed with others") {
    const World world;
    world.root.write("/to/Puppetfile", "ours");
    world.root.write("/to/modules/vendored/init.pp", "ours");
    world.root.write("/to/modules/file", "ours");
    world.root.write("/from/Puppetfile", "theirs");
    world.root.write("/from/modules/vendored/metadata.json", "{}");
    world.root.write("/from/modules/vendored/init.pp", "theirs");
    world.root.write("/from/modules/vendored/more/more.pp", "theirs");
    world.root.write("/from/modules/file/in-a-folder", "theirs");
    world.root.write("/from/modules/extra/metadata.json", "{}");
    world.copy();
    CHECK(world.root.read("/to/Puppetfile") == "ours");
    CHECK(world.root.read("/to/modules/vendored/init.pp") == "ours");
    CHECK_FALSE(world.root.exists("/to/modules/vendored/more"));
    CHECK(world.root.read("/to/modules/file") == "ours");
    CHECK(world.root.exists("/to/modules/extra/metadata.json"));
}

TEST_CASE("what leads out of the checkout, or is no file, is refused") {
    const World world;
    const char* target = GENERATE("/etc/shadow", "..", "../x", "b/../../x", "./..");
    CAPTURE(target);
    fs::create_symlink(target, world.from / "link");
    const Error error = error_of([&] { return world.copy(), 0; });
    CHECK(error.code == "repository.r10k_failed");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK_FALSE(fs::is_symlink(world.to / "link"));

    const World other;
    REQUIRE(mkfifo((other.from / "pipe").c_str(), 0600) == 0);
    CHECK(error_of([&] { return other.copy(), 0; }).code == "repository.r10k_failed");
}

TEST_CASE("nothing is written through a link of the tree") {
    const World world;
    world.root.make_folder("/outside");
    fs::create_directory_symlink(world.root.path() / "outside", world.to / "modules");
    world.root.write("/from/modules/extra/init.pp", "x");
    world.copy();
    CHECK(fs::is_empty(world.root.path() / "outside"));
}

TEST_CASE("r10k never runs as a user that others share") {
    CHECK_NOTHROW(require_own_user("root"));
    if (geteuid() == 0) {
        const Error error = error_of([&] { return require_own_user("bootwright-no-such-user"), 0; });
        CHECK(error.code == "repository.no_user");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.advice.find("adduser --system") != std::string::npos);
    } else {
        CHECK_NOTHROW(require_own_user("bootwright-no-such-user"));
    }
}
