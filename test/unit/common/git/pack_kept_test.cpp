// What is kept of a repository, and handed on: one pack, snapshots, what another repository on this machine takes.

#include "common/files/file.hpp"
#include "common/git/bundle.hpp"
#include "common/git/git.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"
#include "test/fakes/two_repositories.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::pack_tests;
namespace fs = std::filesystem;

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
