// What is damaged on disk, and how it is healed, also from the seed that the image holds.

#include "agent/repository/fetch/fetch.hpp"

#include "common/files/file.hpp"
#include "test/fakes/fetch_tests.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

#include <iostream>

using namespace bootwright;
using namespace bootwright::fetch_tests;
namespace fs = std::filesystem;

TEST_CASE("a damaged repository is set aside and fetched afresh") {
    World world;
    const fs::path folder = world.fetch().folder;
    const std::string what = GENERATE("HEAD", "HEAD^{tree}", "HEAD:manifests", "HEAD:manifests/site.pp");
    CAPTURE(what);
    unpack_objects(world.repository());
    const std::string id = world.server("git rev-parse '" + what + "'");
    const fs::path object = object_file(world.repository(), id);
    fs::permissions(object, fs::perms::owner_all);
    write_file(object, "damaged", 0644);
    fs::remove_all(folder);  // so that the objects are needed
    const Captured errors(std::cerr);
    CHECK(world.fetch().folder == folder);
    CHECK(read_file(folder / "manifests/site.pp", 100) == "one\n");
    CHECK(has_damaged(world));
    CHECK(errors.text().find("set aside") != std::string::npos);
}

TEST_CASE("a repository whose pack was cut short is fetched afresh") {
    World world;
    const fs::path folder = world.fetch().folder;
    shell_with_git(world.repository(), "chmod u+w objects/pack/*.pack; truncate -s -50 objects/pack/*.pack");
    fs::remove_all(folder);
    const Captured errors(std::cerr);
    CHECK(world.fetch().folder == folder);
    CHECK(read_file(folder / "manifests/site.pp", 100) == "one\n");
}

TEST_CASE("an object that is whole, but another one's, is damage too") {
    World world;
    const fs::path folder = world.fetch().folder;
    unpack_objects(world.repository());
    const std::string what = GENERATE("HEAD:manifests/site.pp", "HEAD:manifests");
    CAPTURE(what);
    const fs::path object = object_file(world.repository(), world.server("git rev-parse '" + what + "'"));
    fs::permissions(object, fs::perms::owner_all);
    const std::string other = what == "HEAD:manifests" ? "HEAD^{tree}" : "HEAD:run";
    fs::copy_file(object_file(world.repository(), world.server("git rev-parse '" + other + "'")), object,
                  fs::copy_options::overwrite_existing);
    fs::remove_all(folder);
    const Captured errors(std::cerr);
    CHECK(world.fetch().folder == folder);
    CHECK(read_file(folder / "manifests/site.pp", 100) == "one\n");
}

TEST_CASE("a repository that lost its objects is fetched afresh") {
    World world;
    world.fetch();
    const char* damage =
        GENERATE("rm objects/pack/*.idx", "rm objects/pack/*", "rm -r objects", "rm HEAD", "printf rubbish > HEAD",
                 "printf '[' > config", "printf rubbish > shallow", "printf rubbish > packed-refs");
    CAPTURE(damage);
    shell_with_git(world.repository(), damage);
    const LeaksOfLibgit2 ignored;
    fs::remove_all(world.request.checkouts / world.request.revision);
    const Captured errors(std::cerr);
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a file at the repository's place is set aside too") {
    World world;
    world.fetch();
    const fs::path repository = world.repository();
    fs::remove_all(repository);
    write_file(repository, "no repository", 0644);
    fs::remove_all(world.request.checkouts);
    const Captured errors(std::cerr);
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a damaged repository is not lost where the server is away") {
    World world;
    const fs::path folder = world.fetch().folder;
    unpack_objects(world.repository());
    const std::string id = world.server("git rev-parse HEAD:manifests/site.pp");
    fs::remove(object_file(world.repository(), id));
    write_file(folder / "manifests/site.pp", "changed", 0644);
    world.switch_server_off();
    const Captured errors(std::cerr);
    CHECK(world.failure().code != "git.corrupt");
    world.switch_server_on();
    CHECK_NOTHROW(world.fetch());
}

namespace {

/// A seed that the instance's image holds: what the server has now.
void make_seed(World& world) {
    world.server("git clone -q --bare . ../seed.git; git --git-dir=../seed.git repack -q -a -d");
    world.request.settings.seed = world.root.path() / "seed.git";
}

}  // namespace

TEST_CASE("a pin that the image's seed holds needs no server, and nothing of it is copied") {
    World world;
    make_seed(world);
    world.switch_server_off();
    world.fetch();
    CHECK(world.read("manifests/site.pp") == "one\n");
    CHECK(world.heard.empty());
    CHECK(shell_with_git(world.repository(), "find objects -name '*.pack' | wc -l") == "0");
}

TEST_CASE("a damaged repository is healed from the seed alone") {
    World world;
    make_seed(world);
    world.fetch();
    shell_with_git(world.repository(), "echo rubbish > shallow; rm -rf ../../checkout/*");
    world.switch_server_off();
    const Captured errors(std::cerr);
    CHECK_NOTHROW(world.fetch());
    CHECK(has_damaged(world));
}

TEST_CASE("a seed that is damaged does not stand in the way of a place that has it") {
    World world;
    make_seed(world);
    unpack_objects(world.request.settings.seed);
    const std::string what = GENERATE("HEAD", "HEAD^{tree}", "HEAD:manifests", "HEAD:manifests/site.pp");
    CAPTURE(what);
    const fs::path object = object_file(world.request.settings.seed, world.server("git rev-parse '" + what + "'"));
    fs::permissions(object, fs::perms::owner_all);
    write_file(object, "damaged", 0644);
    const Captured errors(std::cerr);
    CHECK(world.fetch().revision == world.request.revision);
    CHECK(world.read("manifests/site.pp") == "one\n");
    world.switch_server_off();
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("a seed that is no repository, or half a one, does no harm") {
    World world;
    make_seed(world);
    world.request.revision = world.push("two");
    const char* damage = GENERATE("rm -r objects; : > objects", "rm HEAD", "printf rubbish > packed-refs",
                                  "printf '[' > config", "rm -r refs", ": > objects/pack/*.idx");
    CAPTURE(damage);
    shell_with_git(world.request.settings.seed, damage);
    const LeaksOfLibgit2 ignored;
    const Captured errors(std::cerr);
    CHECK_NOTHROW(world.fetch());
}
