// What enters the repository without a network: packs, bundles, other repositories; and what is kept of it.

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/git/bundle.hpp"
#include "common/git/git.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <sstream>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

/// A repository that the `git` program made, with two commits on main, and a bare one of our own.
struct Two {
    GitInTest git{};
    TemporaryRoot root{};
    std::string first;
    std::string head;
    GitRepository ours;

    explicit Two(
        const std::string& script = "mkdir -p deep/er; seq 1000 > deep/er/numbers; echo x > file; ln -s file link")
        : first(make("git init -q -b main .\n" + script + "\ngit add -A; git commit -q -m one; git rev-parse HEAD")),
          head(shell("seq 1001 > deep/er/numbers || echo more > more; git add -A; git commit -q -m two; "
                     "git rev-parse HEAD")),
          ours(open()) {}

    [[nodiscard]] std::string make(const std::string& script) const {
        root.make_folder("/theirs");
        return shell(script);
    }
    [[nodiscard]] fs::path theirs() const { return root.path() / "theirs"; }
    [[nodiscard]] fs::path path() const { return root.path() / "ours.git"; }
    std::string shell(const std::string& script) const { return shell_with_git(theirs(), script); }
    [[nodiscard]] GitRepository open() const { return GitRepository::open_or_create(path()); }
    void open_again() { ours = open(); }

    /// Packs what `git pack-objects` reads: a commit is all of its history unless "^ID" lines cut it.
    std::string pack(const std::string& revisions, const std::string& options = "") const {
        shell("printf '" + revisions + "' | git pack-objects -q --revs --stdout " + options + " > ../made.pack");
        return read_file(root.path() / "made.pack", 1 << 24);
    }
    /// The pack of a fetch with depth 1.
    std::string shallow_pack(const std::string& commit) const {
        shell("{ echo " + commit + "; git ls-tree -rt " + commit + " | cut -d' ' -f3 | cut -f1; git rev-parse " +
              commit + "^{tree}; } | git pack-objects -q --stdout > ../made.pack");
        return read_file(root.path() / "made.pack", 1 << 24);
    }
    void import(std::string_view pack, std::size_t step = 1000) {
        GitPackImport import(ours, no_progress);
        for (; !pack.empty(); pack.remove_prefix(std::min(step, pack.size()))) {
            import.append(pack.substr(0, step));
        }
        import.finish();
    }
    /// What git itself says of our repository; throws where it finds anything wrong.
    void fsck(const std::string& environment = "") const {
        const std::string said =
            shell_with_git(path(), environment +
                                       " git fsck --full --strict --no-dangling > ../fsck 2>&1; cat ../fsck | "
                                       "grep -v '^notice: ' || true");
        CHECK(said.empty());
    }
    [[nodiscard]] bool has_left_overs() const {
        if (fs::exists(path() / "incoming")) {
            return true;
        }
        const auto packs = fs::directory_iterator(path() / "objects/pack");
        return std::any_of(begin(packs), end(packs),
                           [](const auto& entry) { return !entry.path().filename().native().starts_with("pack-"); });
    }
    [[nodiscard]] std::ptrdiff_t packs() const {
        const auto all = fs::directory_iterator(path() / "objects/pack");
        return std::count_if(begin(all), end(all), [](const auto& e) { return e.path().extension() == ".pack"; });
    }
    void check_out_equals_git(const std::string& commit) {
        const fs::path folder = root.path() / ("checkout-" + commit);
        fs::create_directory(folder);
        ours.check_out(commit, folder, no_progress);
        CHECK(ours.first_difference(commit, folder) == std::nullopt);
        shell("rm -rf ../git-checkout; git clone -q . ../git-checkout; cd ../git-checkout; git checkout -q " + commit +
              "; rm -rf .git; diff -r --no-dereference . '" + folder.string() + "' 1>&2");
    }
};

}  // namespace

TEST_CASE("a pack that arrives in pieces becomes visible at its end, and only then") {
    Two two;
    const auto step = GENERATE(1UL, 19UL, 100'000UL);
    const std::string pack = two.pack(two.head + "\\n");
    {
        std::uint64_t total = 0;
        GitPackImport import(two.ours, [&](std::string_view, std::uint64_t, std::uint64_t of) { total = of; });
        for (std::size_t at = 0; at < pack.size(); at += step) {
            import.append(std::string_view(pack).substr(at, step));
        }
        CHECK_FALSE(two.ours.has_commit(two.head));
        import.finish();
        CHECK(total > 5);
    }
    CHECK(two.ours.is_complete(two.head));
    CHECK(two.ours.is_complete(two.first));
    CHECK_FALSE(two.has_left_overs());
    two.ours.keep(two.head);
    CHECK_FALSE(two.ours.is_shallow(two.head));
    two.fsck();
    two.check_out_equals_git(two.head);
    two.import(pack);  // a second time changes nothing
    CHECK(two.packs() == 1);
}

TEST_CASE("a shallow pack is enough for its commit; keeping it tells git that the parents are left out") {
    Two two;
    two.import(two.shallow_pack(two.head));
    CHECK(two.ours.is_complete(two.head));
    CHECK_FALSE(two.ours.has_commit(two.first));
    two.ours.keep(two.head);
    CHECK(two.ours.is_shallow(two.head));
    two.fsck();
    CHECK(two.ours.kept() == std::vector{two.head});
    two.check_out_equals_git(two.head);

    SECTION("until they arrive") {
        two.import(two.shallow_pack(two.first));
        two.ours.keep(two.first);
        CHECK_FALSE(two.ours.is_shallow(two.head));
        CHECK_FALSE(two.ours.is_shallow(two.first));
        CHECK_FALSE(fs::exists(two.path() / "shallow"));
        two.fsck();
    }
    SECTION("what others wrote there stays") {
        write_file(two.path() / "shallow", std::string(40, '1') + "\n" + two.head + "\n", 0644);
        two.ours.keep(two.head);
        CHECK(two.ours.is_shallow(std::string(40, '1')));
        CHECK(two.ours.is_shallow(two.head));
    }
    SECTION("after a restart too") {
        two.open_again();
        CHECK(two.ours.kept() == std::vector{two.head});
        CHECK(two.ours.is_complete(two.head));
        two.ours.forget(two.head);
        two.ours.forget(two.first);  // never kept
        CHECK(two.ours.kept().empty());
    }
}

TEST_CASE("a parent that arrives without its own parents leaves the history open") {
    Two two;
    const std::string third = two.shell("echo three > three; git add -A; git commit -q -m three; git rev-parse HEAD");
    two.import(two.shallow_pack(third));
    two.ours.keep(third);
    two.import(two.shallow_pack(two.head));
    two.ours.keep(third);
    two.fsck();
    CHECK(two.ours.is_shallow(third));
    two.ours.keep(two.head);
    two.fsck();
    CHECK(two.ours.is_shallow(two.head));
}

TEST_CASE("a thin pack is completed from what is there, or from an alternate") {
    Two two;
    const std::string thin = two.pack(two.head + "\\n^" + two.first + "\\n", "--thin");
    SECTION("of the repository") {
        two.import(two.pack(two.first + "\\n"));
        two.import(thin);
        CHECK(two.ours.is_complete(two.head));
        two.ours.keep(two.head);
        two.fsck();
    }
    SECTION("of an alternate") {
        two.shell("git clone -q --bare . ../seed.git; git -C ../seed.git update-ref refs/heads/main " + two.first +
                  "; git -C ../seed.git gc -q --prune=now");
        two.ours.add_alternate(two.root.path() / "seed.git");
        CHECK(two.ours.is_complete(two.first));
        CHECK_FALSE(two.ours.has_commit(two.head));
        two.import(thin);
        CHECK(two.ours.is_complete(two.head));
        two.ours.keep(two.head);
        CHECK_FALSE(two.ours.is_shallow(two.head));
        two.fsck("GIT_ALTERNATE_OBJECT_DIRECTORIES=../seed.git/objects");
        two.check_out_equals_git(two.head);
    }
    SECTION("but not out of nothing") {
        CHECK(error_of([&] { return two.import(thin), 0; }).code == "git.pack_damaged");
        CHECK_FALSE(two.ours.has_commit(two.head));
    }
    CHECK_FALSE(two.has_left_overs());
}

TEST_CASE("an alternate that is not there, or is damaged as a whole, is no error") {
    Two two;
    two.root.write("/a-file", "x");
    two.root.write("/no-objects/HEAD", "x");
    two.root.write("/odd/objects/pack/pack-x.idx", "x");
    for (const char* name : {"absent", "a-file", "no-objects", "odd"}) {
        two.ours.add_alternate(two.root.path() / name);
    }
    CHECK_FALSE(two.ours.has_commit(two.head));
    two.import(two.pack(two.head + "\\n"));
    CHECK(two.ours.is_complete(two.head));
}

TEST_CASE("what is kept in an alternate alone survives being opened again, and is forgotten when that goes") {
    Two two;
    two.shell("git clone -q --bare . ../seed.git");
    const fs::path seed = two.root.path() / "seed.git";
    two.ours.add_alternate(seed);
    two.ours.keep(two.head);
    two.ours = GitRepository::open_or_create(two.path(), {seed});
    CHECK(two.ours.kept() == std::vector{two.head});
    CHECK(two.ours.repack(0) == false);
    two.ours = GitRepository::open_or_create(two.path(), {two.root.path() / "absent"});
    CHECK(two.ours.kept().empty());
    two.fsck();
}

TEST_CASE("a damaged pack is refused, and nothing of it is ever visible") {
    Two two;
    const std::string whole = two.pack(two.head + "\\n");
    const auto check_refused = [&](const std::string& damaged) {
        const Error error = error_of([&] { return two.import(damaged), 0; });
        CHECK(error.code == "git.pack_damaged");
        CHECK(error.kind == ErrorKind::transient);
        CHECK_FALSE(two.ours.has_commit(two.head));
        CHECK_FALSE(two.has_left_overs());
    };
    SECTION("truncated") {
        for (std::size_t tenth = 0; tenth < 10; ++tenth) {
            CAPTURE(tenth);
            check_refused(whole.substr(0, whole.size() * tenth / 10));
        }
        check_refused(whole.substr(0, whole.size() - 1));
    }
    SECTION("a flipped bit") {
        for (std::size_t at = 0; at < whole.size(); at += std::max<std::size_t>(1, whole.size() / 300)) {
            CAPTURE(at);
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
            check_refused(damaged);
        }
    }
    SECTION("no pack at all") {
        check_refused("");
        check_refused("<!DOCTYPE html><html><body>503 Service Unavailable</body></html>");
        check_refused(std::string(5000, '\0'));
        check_refused("PACK" + std::string(5000, '\xFF'));
    }
    SECTION("another trailer") { check_refused(whole.substr(0, whole.size() - 20) + std::string(20, 'x')); }
    SECTION("something after its end") { check_refused(whole + "rest"); }
    two.import(whole);
    CHECK(two.ours.is_complete(two.head));
}

TEST_CASE("a pack that claims more objects, or more bytes, than anybody has is refused before it costs much") {
    Two two;
    SECTION("objects") {
        const std::string many("PACK\0\0\0\2\x7F\xFF\xFF\xFF", 12);
        CHECK(error_of([&] { return two.import(many + std::string(100, 'x')), 0; }).code == "git.pack_damaged");
    }
    SECTION("bytes") {
        GitPackImport import(two.ours, no_progress, 1000);
        const std::string pack = two.pack(two.head + "\\n");
        REQUIRE(pack.size() > 1000);
        const Error error = error_of([&] { return import.append(pack), 0; });
        CHECK(error.code == "git.pack_too_large");
        CHECK(error.kind == ErrorKind::permanent);
    }
    CHECK_FALSE(two.has_left_overs());
}

TEST_CASE("what goes on after the end of a pack is refused") {
    const Two two;
    const std::string pack = two.shallow_pack(two.head);
    GitPackImport import(two.ours, no_progress);
    import.append(pack.substr(0, pack.size() - 20));
    import.append(pack.substr(pack.size() - 20));
    CHECK(error_of([&] {
              import.append("x");
              return 0;
          }).code == "git.pack_damaged");
}

TEST_CASE("what the progress throws ends the import, and comes out as it is") {
    Two two;
    const std::string pack = two.pack(two.head + "\\n");
    GitPackImport import(two.ours, [](std::string_view, std::uint64_t, std::uint64_t) { throw stopped_error(); });
    CHECK(error_of([&] { return import.append(pack), 0; }).kind == ErrorKind::stopped);
}

TEST_CASE("what a killed import left behind is gone after the next start, and stops nothing") {
    Two two;
    two.import(two.shallow_pack(two.head));
    two.ours.keep(two.head);
    const std::string keep = "/ours.git/refs/bootwright/keep/";
    for (const std::string& path :
         {std::string("/ours.git/incoming/abc/pack_git2_x"), std::string("/ours.git/objects/pack/pack_git2_x"),
          std::string("/ours.git/objects/pack/tmp_pack_x"), std::string("/ours.git/objects/pack/pack-1.idx.lock"),
          "/ours.git/objects/pack/pack-" + std::string(40, '1') + ".pack",
          "/ours.git/objects/pack/pack-" + std::string(40, '2') + ".idx", keep + two.head + ".lock",
          std::string("/ours.git/packed-refs.lock"), std::string("/ours.git/shallow.lock")}) {
        two.root.write(path, "rest");
    }
    two.open_again();
    CHECK_FALSE(two.has_left_overs());
    CHECK(two.packs() == 1);
    two.ours.keep(two.head);
    two.fsck();
    CHECK_FALSE(two.root.exists("/ours.git/shallow.lock"));
}

TEST_CASE("a tree or blob that is missing is found, in whatever folder") {
    Two two;
    const char* missing = GENERATE("file", "deep", "deep/er", "deep/er/numbers", "link");
    CAPTURE(missing);
    two.shell("{ echo " + two.head + "; git rev-parse HEAD^{tree}; git ls-tree -rt HEAD | grep -v '\t" + missing +
              "$' | cut -d' ' -f3 | cut -f1; } | git pack-objects -q --stdout > ../made.pack");
    two.import(read_file(two.root.path() / "made.pack", 1 << 24));
    CHECK(two.ours.has_commit(two.head));
    CHECK_FALSE(two.ours.is_complete(two.head));
    CHECK(two.ours.first_missing(two.head) == missing);
    CHECK(two.ours.first_missing(two.first) == "");
}

TEST_CASE("repacking leaves one pack of exactly what is kept") {
    Two two;
    two.shell("git tag -a -m one v1 " + two.head + "; git tag -a -m nested v1n v1");
    const std::string nested = two.shell("git rev-parse v1n");
    two.import(two.pack(two.head + "\\nv1\\nv1n\\n"));
    const std::string third = two.shell("echo three > three; git add -A; git commit -q -m three; git rev-parse HEAD");
    two.import(two.shallow_pack(third));
    shell_with_git(two.path(), "echo loose | git hash-object -w --stdin; git update-ref refs/heads/old " + two.first);
    two.ours.keep(two.head, {nested});
    CHECK_FALSE(two.ours.is_shallow(two.head));
    CHECK_FALSE(two.ours.repack());  // two packs are not many
    REQUIRE(two.packs() == 2);

    CHECK(two.ours.repack(1));
    CHECK(two.packs() == 1);
    CHECK(two.ours.is_complete(two.head));
    CHECK(two.ours.tag_name(nested) == "v1n");
    const TagChain chain = two.ours.follow_tag(nested);
    CHECK(chain.tags.size() == 2);
    CHECK(two.ours.tag_name(chain.tags.back()) == "v1");
    CHECK_FALSE(two.ours.has_commit(two.first));
    CHECK_FALSE(two.ours.has_commit(third));
    CHECK(two.ours.is_shallow(two.head));
    CHECK(shell_with_git(two.path(), "git count-objects -v | grep ^count") == "count: 0");
    CHECK(shell_with_git(two.path(), "git rev-list --all --objects --no-object-names | sort -u | wc -l") ==
          shell_with_git(two.path(), "git count-objects -v | sed -n 's/in-pack: //p'"));
    two.fsck();
    CHECK_FALSE(two.has_left_overs());
    two.check_out_equals_git(two.head);

    CHECK(two.ours.repack(0));  // again: the same pack, and it stays
    CHECK(two.ours.is_complete(two.head));
    two.ours.forget(two.head);
    CHECK(two.ours.repack(0));
    CHECK(two.packs() == 0);
    CHECK_FALSE(fs::exists(two.path() / "shallow"));
    two.fsck();
}

TEST_CASE("what takes much more than what is kept goes, however few packs there are") {
    Two two("head -c 20000 /dev/urandom > file");
    two.import(two.shallow_pack(two.head));
    two.ours.keep(two.head);
    CHECK_FALSE(two.ours.repack(20, 10'000));  // all of it is needed
    two.shell("head -c 20000 /dev/urandom > ../else");
    two.shell("git hash-object -w ../else | git pack-objects -q --stdout > ../made.pack");
    two.import(read_file(two.root.path() / "made.pack", 100'000));
    CHECK_FALSE(two.ours.repack(20, 30'000));
    CHECK(two.ours.repack(20, 10'000));
    CHECK_FALSE(two.ours.repack(20, 10'000));
    CHECK(two.packs() == 1);
    two.open_again();
    CHECK(two.ours.is_complete(two.head));
}

TEST_CASE("repacking what is damaged removes nothing") {
    Two two;
    two.import(two.pack(two.head + "\\n"));
    two.ours.keep(two.head);
    shell_with_git(two.path(),
                   "mkdir -p ../unpack; mv objects/pack/*.pack ../unpack/; rm -f objects/pack/*; "
                   "git unpack-objects -q < $(ls ../unpack/*.pack)");
    two.import(two.shallow_pack(two.first));
    const std::string id = two.shell("git rev-parse HEAD:deep/er/numbers");
    fs::remove(two.path() / "objects" / id.substr(0, 2) / id.substr(2));
    const std::string count = "find objects -type f | wc -l";
    const std::string before = shell_with_git(two.path(), count);
    two.open_again();
    // The blob is not the repository's own any more, so no pack of it could be complete.
    CHECK(error_of([&] { return two.ours.repack(0), 0; }).code == "git.corrupt");
    CHECK(shell_with_git(two.path(), count) == before);
}

TEST_CASE("a snapshot of ours is a bundle that we read, and git too") {
    Two two;
    two.shell("git tag -a -m one v1 " + two.head);
    const std::string tag = two.shell("git rev-parse v1");
    two.import(two.pack(two.head + "\\nv1\\n"));
    const fs::path file = two.root.path() / "made.bundle";
    two.ours.write_bundle({two.head}, {tag}, file);
    CHECK(two.root.mode("/made.bundle") == 0644);

    Two other;
    BundleReader reader;
    {
        GitPackImport import(other.ours, no_progress);
        reader.feed(read_file(file, 1 << 24), [&](std::string_view bytes) { import.append(bytes); });
        import.finish();
    }
    REQUIRE(reader.header());
    CHECK(reader.header()->refs ==
          std::vector<std::pair<std::string, std::string>>{{two.head, "refs/bootwright/snapshot/" + two.head},
                                                           {tag, "refs/bootwright/tag/" + tag}});
    CHECK(reader.header()->prerequisites.empty());
    CHECK(other.ours.is_complete(two.head));
    CHECK(other.ours.follow_tag(tag).target == two.head);
    other.ours.keep(two.head, {tag});
    other.fsck();

    two.shell("git bundle list-heads ../made.bundle; git bundle verify -q ../made.bundle");
    // Into an empty repository that is told where history ends.
    two.shell("git init -q --bare ../with.git; cd ../with.git; echo " + two.head +
              " > shallow; git fetch -q ../made.bundle '+refs/*:refs/*'; git fsck --strict");
    CHECK(two.shell("git -C ../with.git rev-parse refs/bootwright/snapshot/" + two.head) == two.head);
}

TEST_CASE("a snapshot that git alone made of one revision is taken") {
    Two two;
    two.shell(
        "git config uploadpack.allowAnySHA1InWant true; git init -q ../ci; cd ../ci; git fetch -q --depth 1 'file://" +
        two.theirs().string() + "' " + two.head +
        "; git update-ref refs/heads/snapshot FETCH_HEAD; git repack -adfq --depth=1; "
        "git bundle create -q ../made.bundle refs/heads/snapshot");
    BundleReader reader;
    GitPackImport import(two.ours, no_progress);
    reader.feed(read_file(two.root.path() / "made.bundle", 1 << 24),
                [&](std::string_view bytes) { import.append(bytes); });
    import.finish();
    REQUIRE(reader.header());
    CHECK(reader.header()->refs.front().first == two.head);
    CHECK(reader.header()->prerequisites.empty());
    CHECK(two.ours.is_complete(two.head));
    two.ours.keep(two.head);
    two.fsck();
    CHECK(two.ours.is_shallow(two.head));
}

TEST_CASE("a commit is copied from another repository on this machine, with what its tree needs and no more") {
    Two two;
    const bool is_bare = GENERATE(true, false);
    two.shell("git tag -a -m one v1 " + two.head + "; git clone -q --bare . ../bare.git");
    const std::string tag = two.shell("git rev-parse v1");
    const fs::path other = two.root.path() / (is_bare ? "bare.git" : "theirs");
    two.ours.copy_commit_from(other, two.head, {tag}, no_progress);
    CHECK(two.ours.is_complete(two.head));
    CHECK(two.ours.has_tag(tag));
    CHECK_FALSE(two.ours.has_tag(two.head));
    CHECK_FALSE(two.ours.has_commit(two.first));
    two.ours.keep(two.head, {tag});
    two.fsck();
    two.ours.copy_commit_from(other, two.head, {tag}, no_progress);
    CHECK(two.packs() == 1);

    std::vector<std::string> found;
    for (const GitRef& ref : local_refs(other)) {
        CHECK(ref.commit_id == two.head);
        found.push_back(ref.name + " " + ref.tag_id);
    }
    CHECK(found == std::vector<std::string>{"HEAD ", "refs/heads/main ", "refs/tags/v1 " + tag});
}

TEST_CASE("another repository that is none, lacks the commit, or is damaged is the other's fault") {
    Two two;
    const auto code = [&](const fs::path& path, const std::string& id) {
        return error_of([&] { return two.ours.copy_commit_from(path, id, {}, no_progress), 0; }).code;
    };
    CHECK(code(two.root.path() / "absent", two.head) == "git.no_repository");
    CHECK(code(two.root.path(), two.head) == "git.no_repository");
    CHECK(code(two.theirs() / "deep", two.head) == "git.no_repository");  // not looked for further up
    CHECK(code(two.theirs(), std::string(40, '1')) == "git.revision_not_found");
    CHECK(code(two.theirs(), two.shell("git rev-parse HEAD:file")) == "git.revision_invalid");
    CHECK(error_of([&] { return local_refs(two.root.path() / "absent"); }).code == "git.no_repository");
    const std::string blob = two.shell("git rev-parse HEAD:file");
    fs::remove(two.theirs() / ".git/objects" / blob.substr(0, 2) / blob.substr(2));
    CHECK(code(two.theirs(), two.head) == "git.pack_damaged");
    CHECK_FALSE(two.ours.has_commit(two.head));
}

TEST_CASE("signatures of commits and tags come with exactly the bytes that they sign") {
    Two two;
    const std::string commit = two.shell(
        "ssh-keygen -q -t ed25519 -N '' -C me -f ../key; echo \"me $(cat ../key.pub)\" > ../allowed\n"
        "git config gpg.format ssh; git config user.signingkey ../key.pub\n"
        "git commit -q --allow-empty -S -m signed; git tag -s -m 'a tag' v1; git tag -a -m plain v2\n"
        "git rev-parse HEAD");
    const std::string tag = two.shell("git rev-parse v1");
    const std::string plain = two.shell("git rev-parse v2");
    two.import(two.pack(commit + "\\nv1\\nv2\\n"));
    const auto verify = [&](const std::optional<SignedText>& text) {
        REQUIRE(text);
        two.root.write("/signature", text->signature);
        two.root.write("/payload", text->payload);
        CHECK(text->time == 1795348800);  // 2026-11-22T12:00:00Z
        two.shell("ssh-keygen -q -Y verify -f ../allowed -I me -n git -s ../signature < ../payload");
    };
    verify(two.ours.commit_signature(commit));
    verify(two.ours.tag_signature(tag));
    CHECK_FALSE(two.ours.commit_signature(two.head));
    CHECK_FALSE(two.ours.tag_signature(plain));
    CHECK(two.ours.follow_tag(tag).target == commit);
    CHECK(two.ours.tag_name(tag) == "v1");
}

TEST_CASE("nothing but a tag is kept as one") {
    Two two;
    two.import(two.pack(two.head + "\\n"));
    const std::string blob = two.shell("git rev-parse HEAD:file");
    const Error error = error_of([&] { return two.ours.keep(two.head, {blob}), 0; });
    CAPTURE(error.message);
    CHECK(error.code.starts_with("git."));
    CHECK(two.ours.kept().empty());
}

TEST_CASE("a tag's text that only quotes a signature is signed by its last one") {
    Two two;
    const std::string tag = two.shell(
        "printf 'object " + two.head +
        "\\ntype commit\\ntag v1\\ntagger a <a@example.com> 7 +0000\\n\\n-----BEGIN SSH SIGNATURE-----\\nquoted\\n"
        " -----BEGIN SSH SIGNATURE-----\\n-----BEGIN PGP SIGNATURE-----\\nlast' | "
        "git hash-object -t tag -w --stdin | tee ../tag; git tag v1 $(cat ../tag); cat ../tag");
    two.import(two.pack("v1\\n"));
    const auto text = two.ours.tag_signature(tag);
    REQUIRE(text);
    CHECK(text->signature == "-----BEGIN PGP SIGNATURE-----\nlast");
    CHECK(text->payload.ends_with("quoted\n -----BEGIN SSH SIGNATURE-----\n"));
    CHECK(text->time == 7);
}

TEST_CASE("a commit descends from its ancestors, as far as they are there") {
    Two two;
    const std::string merge = two.shell("git checkout -q -b side " + two.first +
                                        "; git commit -q --allow-empty -m side; git checkout -q main; "
                                        "git merge -q --no-edit side; git rev-parse HEAD");
    const std::string side = two.shell("git rev-parse side");
    two.import(two.pack(merge + "\\n"));
    for (const std::string& ancestor : {merge, two.head, side, two.first}) {
        CHECK(two.ours.descends_from(merge, ancestor));
    }
    CHECK_FALSE(two.ours.descends_from(two.first, merge));
    CHECK(two.ours.descent(two.first, merge) == Descent::refuted);
    CHECK(two.ours.descent(merge, std::string(40, '1')) == Descent::refuted);
    CHECK_FALSE(two.ours.descends_from(two.head, side));
    CHECK_FALSE(two.ours.descends_from(merge, std::string(40, '1')));
    Two shallow;
    shallow.import(shallow.shallow_pack(shallow.head));
    shallow.ours.keep(shallow.head);
    CHECK(shallow.ours.descends_from(shallow.head, shallow.first));  // the commit names it, though it is not there
    CHECK_FALSE(shallow.ours.descends_from(shallow.head, std::string(40, '1')));
    CHECK(shallow.ours.descent(shallow.head, std::string(40, '1')) == Descent::unknown);
}

TEST_CASE("files, folders and submodules of a commit are read without a checkout") {
    Two two(
        "mkdir -p environments/a environments/b; echo x > environments/a/x; echo y > environments/b/y\n"
        "echo content > Puppetfile; ln -s Puppetfile link");
    const std::string commit = two.shell("git update-index --add --cacheinfo 160000," + two.first +
                                         ",modules/stdlib; git commit -q -m sub; git rev-parse HEAD");
    two.import(two.pack(commit + "\\n"));
    const GitRepository& ours = two.ours;
    CHECK(ours.is_complete(commit));
    CHECK(ours.read_file_of(commit, "Puppetfile", 8) == "content\n");
    CHECK(error_of([&] { return ours.read_file_of(commit, "Puppetfile", 7); }).code == "io.too_large");
    for (const char* path : {"absent", "environments", "link", "Puppetfile/x", "modules/stdlib"}) {
        CAPTURE(path);
        CHECK(ours.read_file_of(commit, path, 100) == std::nullopt);
    }
    CHECK(ours.names_in(commit, "environments") == std::vector<std::string>{"a", "b"});
    CHECK(ours.names_in(commit, "absent").empty());
    CHECK(ours.names_in(commit, "Puppetfile").empty());
    CHECK(ours.names_in(commit, "").size() == 5);
    REQUIRE(ours.submodules(commit).size() == 1);
    CHECK(ours.submodules(commit)[0].path == "modules/stdlib");
    CHECK(ours.submodules(commit)[0].commit_id == two.first);
    CHECK(ours.submodules(two.head).empty());
}

TEST_CASE("the size of a tree is that of the files which a checkout writes") {
    Two two("mkdir a b; seq 100 > a/x; cp a/x b/x; ln -s a/x link; : > empty");
    two.import(two.pack(two.head + "\\n"));
    const TreeSize size = two.ours.tree_size(two.head);
    CHECK(size.files == 5);  // "more" as well
    CHECK(size.bytes == 292 * 2 + 3 + 5);
}

TEST_CASE("a tree that unfolds to billions of files is counted at once, and is complete at once") {
    Two two;
    const std::string bomb = two.shell(R"(
tree=$(printf '100644 blob %s\tf\n' $(echo x | git hash-object -w --stdin) | git mktree)
for level in $(seq 30); do
    tree=$(for name in a b c d e f g h; do printf '040000 tree %s\t%s\n' $tree $name; done | git mktree)
done
git commit-tree -m bomb $tree)");
    two.shell("git rev-parse --verify -q " + bomb + "^{commit}");
    two.import(two.pack(bomb + "\\n"));
    CHECK(two.ours.is_complete(bomb));
    CHECK(two.ours.tree_size(bomb).files == UINT64_MAX);
}

TEST_CASE("billions of submodules are refused at once") {
    Two two;
    const std::string bomb = two.shell(R"(
tree=$(printf '160000 commit %s\tm\n' $(git rev-parse HEAD) | git mktree)
for level in $(seq 30); do
    tree=$(for name in a b c d e f g h; do printf '040000 tree %s\t%s\n' $tree $name; done | git mktree)
done
git commit-tree -m bomb $tree)");
    two.import(two.pack(bomb + "\\n"));
    CHECK(two.ours.is_complete(bomb));
    CHECK(error_of([&] { return two.ours.submodules(bomb); }).code == "git.tree_refused");
}

TEST_CASE("folders deeper in each other than a checkout could open are refused") {
    Two two;
    const std::string deep = two.shell(R"(
tree=$(printf '100644 blob %s\tf\n' $(echo x | git hash-object -w --stdin) | git mktree)
for level in $(seq 401); do tree=$(printf '040000 tree %s\td\n' $tree | git mktree); done
git commit-tree -m deep $tree)");
    two.import(two.pack(deep + "\\n"));
    CHECK(error_of([&] { return two.ours.is_complete(deep); }).code == "git.tree_refused");
    const std::string less_deep = two.shell("git commit-tree -m less $(git rev-parse " + deep + ":d)");
    two.import(two.pack(less_deep + "\\n"));
    CHECK(two.ours.is_complete(less_deep));
}

TEST_CASE("a file that only points to Git LFS is found where the tree says that there are such") {
    const std::string pointer =
        "printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:00\\nsize 1\\n' > big/image.iso\n";
    const std::string attributes = "echo '*.iso filter=lfs diff=lfs merge=lfs -text' > .gitattributes\n";
    Two with("mkdir big; echo x > a; " + pointer + attributes + "git config filter.lfs.clean cat");
    with.import(with.pack(with.head + "\\n"));
    CHECK(with.ours.first_lfs_pointer(with.head) == "big/image.iso");
    Two fetched("mkdir big; seq 1000 > big/image.iso; " + attributes);
    fetched.import(fetched.pack(fetched.head + "\\n"));
    CHECK(fetched.ours.first_lfs_pointer(fetched.head) == std::nullopt);
    Two without("mkdir big; " + pointer);
    without.import(without.pack(without.head + "\\n"));
    CHECK(without.ours.first_lfs_pointer(without.head) == std::nullopt);
}

TEST_CASE("a pointer to Git LFS has less than 1024 bytes") {
    const auto [size, is_pointer] = GENERATE(table<std::size_t, bool>({{1023, true}, {1024, false}}));
    const std::string version = "version https://git-lfs.github.com/spec/v1\\n";
    Two two("printf '" + version + std::string(size - version.size() + 1, 'x') +
            "' > a.iso; echo '*.iso filter=lfs' > .gitattributes; git config filter.lfs.clean cat");
    two.import(two.pack(two.head + "\\n"));
    CHECK(two.ours.first_lfs_pointer(two.head).has_value() == is_pointer);
}

TEST_CASE("line endings are as in git's own checkout") {
    const std::string attributes =
        GENERATE("* text=auto", "*.txt eol=lf", "* text eol=crlf", "* text", "* -text", "* ident", "*.txt crlf");
    CAPTURE(attributes);
    Two two("printf 'a\\n$Id$\\n' > unix.txt; echo '" + attributes + "' > .gitattributes");
    two.import(two.pack(two.head + "\\n"));
    two.check_out_equals_git(two.head);
}

TEST_CASE("a nested .gitattributes rules over line endings, and its neighbours are as in git's own checkout") {
    Two two(
        "mkdir -p a/b; printf 'x\\ny\\n' > a/b/file.txt; printf 'x\\ny\\n' > a/file.txt; "
        "echo '*.txt text eol=crlf' > a/b/.gitattributes; printf '#!/bin/sh\\n' > run; chmod 755 run");
    two.import(two.pack(two.head + "\\n"));
    two.check_out_equals_git(two.head);
    CHECK(two.root.read("/checkout-" + two.head + "/a/b/file.txt") == "x\r\ny\r\n");
    CHECK(two.root.read("/checkout-" + two.head + "/a/file.txt") == "x\ny\n");
}

TEST_CASE(
    "a bit that flipped in the repository's pack is the repository's fault, also where a checkout did not notice") {
    struct Bit {
        std::size_t at;
        unsigned mask;
    };
    Two two;
    two.import(two.pack(two.head + "\\n"));
    const std::string name = shell_with_git(two.path(), "ls objects/pack/*.pack");
    const std::string whole = read_file(two.path() / name, 1 << 24);
    std::vector<Bit> bits;
    for (std::size_t at = 20; at < whole.size(); at += whole.size() / 40) {
        bits.push_back({at, 4});
    }
    // The bits of each object's begin that say what it is (gitformat-pack(5)).
    std::istringstream offsets(
        shell_with_git(two.path(), "git verify-pack -v " + name + " | awk 'length($1) == 40 {printf \"%s \", $5}'"));
    for (std::size_t at = 0; offsets >> at;) {
        for (const unsigned mask : {0x10U, 0x20U, 0x40U}) {
            bits.push_back({at, mask});
        }
    }
    REQUIRE(bits.size() > 60);
    int found = 0;
    for (const Bit& bit : bits) {
        CAPTURE(bit.at, bit.mask);
        // Each in a place of its own: libgit2 knows a pack by its path for as long as anything holds it.
        const fs::path place = two.root.path() / ("damaged-" + std::to_string(bit.at * 256 + bit.mask));
        fs::create_directory(place);
        fs::copy(two.path(), place / "ours.git", fs::copy_options::recursive);
        std::string damaged = whole;
        damaged[bit.at] = static_cast<char>(static_cast<unsigned char>(damaged[bit.at]) ^ bit.mask);
        write_file(place / "ours.git" / name, damaged, 0644);
        const fs::path folder = place / "folder";
        fs::create_directory(folder);
        try {
            GitRepository ours = GitRepository::open_or_create(place / "ours.git");
            ours.check_out(two.head, folder, no_progress);
            // What this commit does not need may be damaged.
            CHECK(ours.first_difference(two.head, folder) == std::nullopt);
        } catch (const Error& error) {
            CAPTURE(error.message);
            CHECK(error.code == "git.corrupt");
            ++found;
        }
    }
    CHECK(found > 10);
}
