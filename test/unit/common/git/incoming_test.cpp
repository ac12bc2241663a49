// What has just arrived, before it is the repository's.

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/git/git.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_downloads.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <optional>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

struct Arriving {
    GitInTest git{};
    TemporaryRoot root{};
    std::string head{};
    std::optional<GitRepository> ours{};

    Arriving() {
        root.make_folder("/theirs");
        head = shell(
            "git init -q -b main .; mkdir folder; echo content > folder/file; git add -A; git commit -q -m one; "
            "git rev-parse HEAD");
        ours = GitRepository::open_or_create(root.path() / "ours.git");
    }
    std::string shell(const std::string& script) const { return shell_with_git(root.path() / "theirs", script); }
    void import(const GitRepository& into, const std::vector<std::string>& revisions) const {
        import_pack(into, pack_of(root.path() / "theirs", revisions));
    }
    static void import_pack(const GitRepository& into, const std::string& pack) {
        GitPackImport import(into, no_progress);
        import.append(pack);
        import.finish();
    }
    /// The files of the packs, and whether a transfer has left something.
    [[nodiscard]] std::ptrdiff_t files() const {
        const auto all = fs::directory_iterator(root.path() / "ours.git/objects/pack");
        return std::distance(begin(all), end(all)) + (fs::exists(root.path() / "ours.git/incoming") ? 100 : 0);
    }
};

}  // namespace

TEST_CASE("what has arrived is seen in quarantine alone, until it is published") {
    Arriving world;
    {
        GitQuarantine quarantine(*world.ours);
        quarantine.judge([&](GitRepository& arrived) {
            world.import(arrived, {world.head});
            CHECK(arrived.is_complete(world.head));
        });
        CHECK_FALSE(world.ours->has_commit(world.head));
        CHECK_FALSE(GitRepository::open_or_create(world.root.path() / "other.git").has_commit(world.head));
        quarantine.publish();
        CHECK(world.ours->is_complete(world.head));
    }
    CHECK(world.files() == 2);
    world.ours->keep(world.head);
    CHECK(GitRepository::open_or_create(world.root.path() / "ours.git").is_complete(world.head));
    world.root.make_folder("/checkout");
    world.ours->check_out(world.head, world.root.path() / "checkout", no_progress);
    CHECK(world.root.read("/checkout/folder/file") == "content\n");
}

TEST_CASE("what is not published leaves nothing behind, however its judgement ended") {
    Arriving world;
    const bool is_refused = GENERATE(true, false);
    const auto judge = [&] {
        GitQuarantine quarantine(*world.ours);
        quarantine.judge([&](GitRepository& arrived) {
            world.import(arrived, {world.head});
            if (is_refused) {
                throw permanent_error("repository.signature_missing", "x", "x");
            }
        });
        return 0;
    };
    if (is_refused) {
        CHECK(error_of(judge).code == "repository.signature_missing");
    } else {
        CHECK(judge() == 0);
    }
    CHECK(world.files() == 0);
    CHECK_FALSE(world.ours->has_commit(world.head));
}

TEST_CASE("a pack that arrives twice is there once") {
    Arriving world;
    const auto arrive = [&] {
        GitQuarantine quarantine(*world.ours);
        quarantine.judge([&](GitRepository& arrived) { world.import(arrived, {world.head}); });
        quarantine.publish();
    };
    for (int i = 0; i < 2; ++i) {
        arrive();
        CHECK(world.ours->is_complete(world.head));
        CHECK(world.files() == 2);
    }
}

TEST_CASE("an object that git cannot read as what it should be is the fault of whoever made it, and never damage") {
    struct Row {
        const char* what;
        const char* commit;  // a script that prints the commit
    };
    constexpr const char* hash = "hash() { git hash-object -w --literally -t $1 --stdin; }\n";
    const Row row = GENERATE(values<Row>({
        {"a tree of garbage", "tree=$(echo rubbish | hash tree)"},
        {"a tree that is a blob", "tree=$(git rev-parse HEAD:folder/file)"},
        {"a tree that is a commit", "tree=$(git rev-parse HEAD)"},
        {"a folder of garbage",
         "bad=$(echo rubbish | hash tree); tree=$({ printf '40000 folder\\0'; printf %s $bad | xxd -r -p; } | hash "
         "tree)"},
    }));
    CAPTURE(row.what);
    Arriving world;
    const std::string commit = world.shell(
        std::string(hash) + row.commit +
        "\n{ printf 'tree %s\\n' $tree; printf 'author a <a@b> 1 +0000\\ncommitter a <a@b> 1 +0000\\n\\nx\\n'; } | "
        "hash commit");
    // Nobody packs that by walking it: each object that is loose goes in.
    world.shell(
        "find .git/objects -type f ! -path '*/pack/*' | sed 's,.*/\\(..\\)/,\\1,' | git pack-objects -q --stdout > "
        "../made.pack");
    const std::string pack = read_file(world.root.path() / "made.pack", 100'000);
    GitQuarantine quarantine(*world.ours);
    const Error error = error_of([&] {
        quarantine.judge([&](GitRepository& arrived) {
            Arriving::import_pack(arrived, pack);
            static_cast<void>(arrived.first_missing(commit));
        });
        return 0;
    });
    CHECK(error.code == "git.object_invalid");
    CHECK(error.kind == ErrorKind::permanent);
    // Nor is it once it has come into the repository, beside what is good there.
    Arriving::import_pack(*world.ours, pack);
    CHECK(error_of([&] { return world.ours->is_complete(commit); }).code == "git.object_invalid");
    CHECK(world.ours->is_complete(world.head));
}

TEST_CASE("a commit or tag of garbage is none, and no damage") {
    Arriving world;
    const std::string kind = GENERATE("commit", "tag");
    const std::string id = world.shell("echo rubbish | git hash-object -w --literally -t " + kind + " --stdin");
    Arriving::import_pack(*world.ours, [&] {
        world.shell("echo " + id + " | git pack-objects -q --stdout > ../made.pack");
        return read_file(world.root.path() / "made.pack", 100'000);
    }());
    CHECK(error_of([&] { return kind == "tag" ? world.ours->has_tag(id) : world.ours->has_commit(id); }).code ==
          "git.object_invalid");
}

TEST_CASE("what is damaged is told by where it is: on our own disk, or in what has arrived") {
    Arriving world;
    const bool is_ours = GENERATE(true, false);
    world.import(*world.ours, {world.head});
    const std::string second = world.shell("echo x > more; git add -A; git commit -q -m two; git rev-parse HEAD");
    const std::string ours = world.shell("git rev-parse HEAD:folder");
    if (is_ours) {
        unpack_objects(world.root.path() / "ours.git");
        const fs::path file = object_file(world.root.path() / "ours.git", ours);
        fs::permissions(file, fs::perms::owner_all);
        write_file(file, "damaged", 0644);
    }
    GitRepository repository = GitRepository::open_or_create(world.root.path() / "ours.git");
    GitQuarantine quarantine(repository);
    const Error error = error_of([&] {
        quarantine.judge([&](GitRepository& arrived) {
            // The folder did not change, and does not come along; or the root of the tree does not.
            world.shell("git rev-list --objects HEAD ^HEAD~1 | cut -d' ' -f1 | grep -v " +
                        (is_ours ? ours : world.shell("git rev-parse HEAD^{tree}")) +
                        " | git pack-objects -q --stdout > ../made.pack");
            Arriving::import_pack(arrived, read_file(world.root.path() / "made.pack", 100'000));
            static_cast<void>(arrived.names_in(second, "folder"));
        });
        return 0;
    });
    CAPTURE(error.message);
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.code == (is_ours ? "git.corrupt" : "git.pack_damaged"));
}

TEST_CASE("memory that one object would take is refused, before it is taken") {
    Arriving world;
    // A blob "x", then a delta upon it that says how much it makes of it, which is not true.
    const auto [bytes, code] =
        GENERATE(table<std::uint64_t, const char*>({{std::uint64_t{1} << 30U, "git.too_much_memory"},
                                                    {129ULL << 20U, "git.too_much_memory"},
                                                    {127ULL << 20U, "git.pack_damaged"}}));
    world.shell("python3 - " + std::to_string(bytes) + R"( <<'END'
import hashlib, struct, sys, zlib
blob = bytes([0x31]) + zlib.compress(b"x")
def size(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])
delta = size(1) + size(int(sys.argv[1])) + bytes([0x90, 1]) * 100
header = bytes([0x60 | 0x80 | len(delta) & 15]) + size(len(delta) >> 4)
body = b"PACK" + struct.pack(">II", 2, 2) + blob + header + bytes([len(blob)]) + zlib.compress(delta)
open("../made.pack", "wb").write(body + hashlib.sha1(body).digest())
END)");
    const Error error = error_of(
        [&] { return Arriving::import_pack(*world.ours, read_file(world.root.path() / "made.pack", 9999)), 0; });
    CAPTURE(error.message);
    CHECK(error.code == code);
    CHECK(world.files() == 0);
}
