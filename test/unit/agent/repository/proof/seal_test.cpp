#include "agent/repository/proof/seal.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <unistd.h>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

/// A checkout with something of each kind in it.
struct World {
    TemporaryRoot root{};
    fs::path folder = root.path() / "checkout";

    World() {
        root.write("/checkout/manifests/site.pp", "one");
        root.write("/checkout/run", "#!/bin/sh", 0755);
        root.make_folder("/checkout/modules/empty");
        fs::create_symlink("manifests", folder / "link");
    }
};

}  // namespace

TEST_CASE("a tree that nobody touches keeps its fingerprint") {
    const World world;
    const std::uint64_t before = tree_fingerprint(world.folder);
    CHECK(read_file(world.folder / "manifests/site.pp", 10) == "one");
    CHECK(tree_fingerprint(world.folder) == before);
}

TEST_CASE("each change of a tree changes its fingerprint") {
    const char* change =
        GENERATE("printf two > manifests/site.pp",                     // in place, of the same size
                 "cp manifests/site.pp x; mv x manifests/site.pp",     // replaced by the same
                 "cp -p manifests/site.pp x; mv x manifests/site.pp",  // and its time set back
                 "touch -d 2020-01-01 manifests/site.pp", "chmod 600 run", "chmod 1755 run", "chmod 700 manifests",
                 "rm run", "touch more", "touch modules/empty/more", "mkdir modules/more", "rmdir modules/empty",
                 "mv run ran", "mv manifests m", "ln -sfn modules link", "rm link; mkdir link", "ln run more",
                 "mkfifo more", "mv modules/empty ../elsewhere; ln -s ../../elsewhere modules/empty");
    CAPTURE(change);
    const World world;
    const std::uint64_t before = tree_fingerprint(world.folder);
    shell_with_git(world.folder, change);
    CHECK(tree_fingerprint(world.folder) != before);
}

TEST_CASE("another owner of a file changes the fingerprint") {
    if (geteuid() != 0) {
        SKIP("only root gives files away");
    }
    const World world;
    const std::uint64_t before = tree_fingerprint(world.folder);
    REQUIRE(lchown((world.folder / "run").c_str(), 65534, 65534) == 0);
    CHECK(tree_fingerprint(world.folder) != before);
}

TEST_CASE("two names that change places change the fingerprint") {
    const World world;
    world.root.write("/checkout/other", "#!/bin/sh", 0755);
    const std::uint64_t before = tree_fingerprint(world.folder);
    shell_with_git(world.folder, "mv run x; mv other run; mv x other");
    CHECK(tree_fingerprint(world.folder) != before);
}

TEST_CASE("the folder itself does not count: neither its time nor its name") {
    const World world;
    const std::uint64_t before = tree_fingerprint(world.folder);
    fs::last_write_time(world.folder, fs::file_time_type::clock::now() - std::chrono::hours(1));
    CHECK(tree_fingerprint(world.folder) == before);
    fs::rename(world.folder, world.root.path() / "renamed");
    CHECK(tree_fingerprint(world.root.path() / "renamed") == before);
}

TEST_CASE("a folder that is not there, or is a link, has no fingerprint") {
    const World world;
    fs::create_directory_symlink(world.folder, world.root.path() / "to-it");
    for (const char* name : {"absent", "to-it", "checkout/run"}) {
        CAPTURE(name);
        const Error error = error_of([&] { return tree_fingerprint(world.root.path() / name); });
        CHECK(error.code.starts_with("io."));
        CHECK(error.kind == ErrorKind::transient);
    }
}

TEST_CASE("a seal is read as it was written, beside the checkout and for root alone") {
    const World world;
    write_seal(world.folder, {.fingerprint = 0xFFFFFFFFFFFFFFFF,
                              .policy = "1 2",
                              .signer = "ann@example.com",
                              .words = {.subject = "one", .author = "Ann", .written = 7}});
    CHECK(world.root.mode("/checkout.seal") == 0600);
    CHECK(seal_of(world.folder) == world.root.path() / "checkout.seal");
    const auto seal = read_seal(world.folder);
    REQUIRE(seal);
    CHECK(seal->fingerprint == 0xFFFFFFFFFFFFFFFF);
    CHECK(seal->policy == "1 2");
    CHECK(seal->signer == "ann@example.com");
    CHECK(seal->words.subject == "one");
    CHECK(seal->words.author == "Ann");
    CHECK(seal->words.written == 7);
}

TEST_CASE("a seal that is damaged is none, or fits nothing") {
    const World world;
    CHECK_FALSE(read_seal(world.folder));
    for (const char* text : {"", "{", "7", "[]", "null", "\xFF\xFE"}) {
        CAPTURE(text);
        write_file(seal_of(world.folder), text, 0600);
        CHECK_FALSE(read_seal(world.folder));
    }
    for (const char* text : {"{}", R"({"fingerprint": -1, "policy": 7, "signer": []})", R"({"fingerprint": "7"})"}) {
        CAPTURE(text);
        write_file(seal_of(world.folder), text, 0600);
        const auto seal = read_seal(world.folder);
        REQUIRE(seal);
        CHECK(seal->fingerprint == 0);
        CHECK(seal->policy.empty());
    }
}

TEST_CASE("a seal that cannot be read is none, and a folder in its place gives way to one") {
    const World world;
    world.root.write("/checkout.seal", std::string(70'000, ' '));
    CHECK_FALSE(read_seal(world.folder));
    world.root.remove("/checkout.seal");
    world.root.write("/checkout.seal/file", "x");
    CHECK_FALSE(read_seal(world.folder));
    write_seal(world.folder, {7, "1 2", ""});
    CHECK(read_seal(world.folder)->fingerprint == 7);
}
