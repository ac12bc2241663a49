#include "agent/repository/fetch/fetch.hpp"

#include "agent/repository/proof/seal.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/fetch_tests.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <chrono>

using namespace bootwright;
using namespace bootwright::fetch_tests;
namespace fs = std::filesystem;

TEST_CASE("a pinned commit is fetched and checked out into a folder of its name") {
    World world;
    const Checkout checkout = world.fetch();
    CHECK(checkout.revision == world.request.revision);
    CHECK(checkout.folder == world.request.checkouts / world.request.revision);
    CHECK(world.root.read("/state/checkout/" + checkout.revision + "/manifests/site.pp") == "one\n");
    CHECK(fs::is_symlink(checkout.folder / "link"));
    CHECK(world.checkouts() == std::vector{checkout.revision});
    CHECK(world.root.mode("/state/checkout") == 0700);
    CHECK(world.root.mode("/state/repository") == 0700);
}

TEST_CASE("a pin that is on disk needs no server") {
    World world;
    world.fetch();
    world.switch_server_off();
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("an older commit than the newest can be pinned") {
    World world;
    const std::string first = world.request.revision;
    world.push("two");
    world.push("three");
    CHECK(world.fetch().revision == first);
    CHECK(world.root.read("/state/checkout/" + first + "/manifests/site.pp") == "one\n");
}

TEST_CASE("a commit that only a tag reaches can be pinned") {
    World world;
    world.request.revision = world.server(
        "git checkout -q --detach; echo tagged > manifests/site.pp; git commit -q -a -m t; "
        "git tag only; id=$(git rev-parse HEAD); git checkout -q main; echo $id");
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a branch or tag is resolved to the commit that it names now") {
    World world;
    world.server("git tag -a -m release v1.0; git branch topic/one");
    const std::string first = world.request.revision;
    for (const char* name : {"main", "refs/heads/main", "v1.0", "refs/tags/v1.0", "topic/one", "HEAD"}) {
        CAPTURE(name);
        world.request.revision = name;
        CHECK(world.fetch().revision == first);
    }
    const std::string second = world.push("two");
    world.request.revision = "main";
    CHECK(world.fetch().revision == second);
    world.request.revision = "v1.0";
    CHECK(world.fetch().revision == first);
}

TEST_CASE("a name that is a branch and also a tag is refused, with the names to choose from") {
    World world;
    world.server("git tag main");
    world.request.revision = "main";
    const Error error = world.failure();
    CHECK(error.code == "git.revision_ambiguous");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("refs/heads/main or refs/tags/main") != std::string::npos);
    world.request.revision = "refs/tags/main";
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("a revision that is nowhere is an error that somebody has to mend") {
    World world;
    for (const std::string& revision : {std::string(40, '0'), std::string("no-such-branch")}) {
        CAPTURE(revision);
        world.request.revision = revision;
        const Error error = world.failure();
        CHECK(error.code == "git.revision_not_found");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find(revision) != std::string::npos);
    }
    CHECK(world.checkouts().empty());
}

TEST_CASE("a pin that is pushed later is found then") {
    World world;
    world.fetch();
    world.server("git clone -q . ../clone");
    const std::string later = shell_with_git(
        world.root.path() / "clone", "echo later > manifests/site.pp; git commit -q -a -m later; git rev-parse HEAD");
    world.request.revision = later;
    CHECK(world.failure().code == "git.revision_not_found");
    world.server("git fetch -q ../clone main:later");
    CHECK(world.fetch().revision == later);
}

TEST_CASE("what is no commit cannot be pinned") {
    World world;
    world.request.revision = world.server("git rev-parse HEAD:manifests/site.pp");
    CHECK(world.failure().code == "git.revision_invalid");
    world.request.revision = world.server("git tag -a -m x annotated; git rev-parse annotated");
    CHECK(world.failure().code == "git.revision_invalid");
}

TEST_CASE("a server that is away is an error that passes, and nothing on disk is lost") {
    World world;
    world.fetch();
    world.request.revision = world.push("two");
    world.switch_server_off();
    const Error error = world.failure();
    CHECK(error.code != "git.corrupt");
    CHECK_FALSE(has_damaged(world));
    CHECK(world.checkouts().size() == 1);
    world.switch_server_on();
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a server whose folder is there, but holds no repository, does not cost the repository on disk") {
    World world;
    world.fetch();
    world.request.revision = world.push("two");
    world.switch_server_off();
    world.root.make_folder("/server");  // a file system that is not mounted
    CHECK(world.failure().code != "git.corrupt");
    CHECK_FALSE(has_damaged(world));
}

TEST_CASE("an existing checkout is verified and used as it is") {
    World world;
    const fs::path folder = world.fetch().folder;
    const auto inode = [&] {
        struct stat status {};
        return stat((folder / "run").c_str(), &status) == 0 ? status.st_ino : 0;
    };
    const auto before = inode();
    CHECK(world.fetch().folder == folder);
    CHECK(inode() == before);
}

TEST_CASE("a checkout that somebody changed is replaced as a whole") {
    World world;
    const fs::path folder = world.fetch().folder;
    const char* damage =
        GENERATE("echo changed > manifests/site.pp", "rm manifests/site.pp", "touch more", "chmod -x run",
                 "rm -r manifests; ln -s /etc manifests", "rm -rf manifests link run modules");
    CAPTURE(damage);
    shell_with_git(folder, damage);
    CHECK(world.fetch().folder == folder);
    CHECK(read_file(folder / "manifests/site.pp", 100) == "one\n");
    CHECK_FALSE(fs::exists(folder / "more"));
    CHECK(world.checkouts() == std::vector{world.request.revision});
}

TEST_CASE("a file, or a link to elsewhere, at the checkout's place is replaced") {
    World world;
    world.fetch();
    const fs::path folder = world.request.checkouts / world.request.revision;
    fs::remove_all(folder);
    const std::string what = GENERATE("file", "link", "dangling link");
    CAPTURE(what);
    world.root.write("/elsewhere/precious", "x");
    if (what == "file") {
        write_file(folder, "x", 0644);
    } else {
        fs::create_symlink(world.root.path() / (what == "link" ? "elsewhere" : "nowhere"), folder);
    }
    CHECK(world.fetch().folder == folder);
    CHECK(fs::is_directory(fs::symlink_status(folder)));
    CHECK(read_file(folder / "manifests/site.pp", 100) == "one\n");
    CHECK(world.root.exists("/elsewhere/precious"));
}

TEST_CASE("what a killed checkout left behind does no harm") {
    World world;
    world.root.write("/state/checkout/.new/half", "x");
    CHECK_NOTHROW(world.fetch());
    CHECK(world.checkouts() == std::vector{world.request.revision});
}

TEST_CASE("old checkouts are pruned: the newest stay, and the protected ones") {
    World world;
    world.request.settings.keep = 2;
    std::vector<std::string> revisions{world.request.revision};
    for (const char* content : {"two", "three", "four", "five"}) {
        revisions.push_back(world.push(content));
    }
    world.request.protect = {revisions[0], ""};
    auto time = fs::file_time_type::clock::now() - std::chrono::hours(10);
    for (const std::string& revision : revisions) {
        world.request.revision = revision;
        const fs::path folder = world.fetch().folder;
        fs::last_write_time(folder, time += std::chrono::hours(1));  // no two in the same moment
    }
    std::vector<std::string> expected{revisions[0], revisions[3], revisions[4]};
    std::sort(expected.begin(), expected.end());
    CHECK(world.checkouts() == expected);
}

TEST_CASE("a checkout that is asked for again counts as new") {
    World world;
    world.request.settings.keep = 2;
    const std::string first = world.request.revision;
    fs::last_write_time(world.fetch().folder, fs::file_time_type::clock::now() - std::chrono::hours(9));
    world.request.revision = world.push("two");
    fs::last_write_time(world.fetch().folder, fs::file_time_type::clock::now() - std::chrono::hours(8));
    world.request.revision = first;
    world.fetch();
    world.request.revision = world.push("three");
    world.fetch();
    const auto names = world.checkouts();
    CHECK(std::count(names.begin(), names.end(), first) == 1);
    CHECK(names.size() == 2);
}

TEST_CASE("keeping one checkout keeps the present one") {
    World world;
    world.request.settings.keep = 1;
    world.fetch();
    world.request.revision = world.push("two");
    world.fetch();
    CHECK(world.checkouts() == std::vector{world.request.revision});
}

TEST_CASE("what is no checkout is never pruned") {
    World world;
    world.request.settings.keep = 1;
    world.root.write("/state/checkout/notes/file", "x");
    world.root.write("/state/checkout/README", "x");
    world.fetch();
    CHECK(world.root.exists("/state/checkout/notes/file"));
    CHECK(world.root.exists("/state/checkout/README"));
}

TEST_CASE("a repository without any commit has no revision") {
    World world;
    world.server("rm -rf .git manifests modules link run; git init -q -b main .");
    CHECK(world.failure().code == "git.revision_not_found");
    world.request.revision = "main";
    CHECK(world.failure().code == "git.revision_not_found");
}

TEST_CASE("two fetches never work on one repository at once") {
    World world;
    world.fetch();
    const auto lock = FileLock::try_take(world.request.repositories / "lock");
    REQUIRE(lock);
    const Error error = world.failure();
    CHECK(error.code == "repository.busy");
    CHECK(error.kind == ErrorKind::transient);
}

TEST_CASE("a path with signs that mean something in a URL can be fetched from") {
    World world;
    fs::rename(world.root.path() / "server", world.root.path() / "a@b+c~d,e;f");
    world.set_places({world.url_of("a@b+c~d,e;f")});
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a file URL names its path as git reads it, with %XX undone") {
    World world;
    fs::rename(world.root.path() / "server", world.root.path() / "a b");
    world.set_places({Url::of_file(world.root.path() / "a b")});
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a checkout that was proven is sealed under the policy that it was proven under") {
    World world;
    const Checkout checkout = world.fetch();
    auto seal = read_seal(checkout.folder);
    REQUIRE(seal);
    CHECK(seal->policy == "as it is");
    CHECK(seal->signer.empty());
    CHECK(seal->fingerprint == tree_fingerprint(checkout.folder));
    world.request.policy = "another";
    write_file(checkout.folder / "manifests/site.pp", "changed", 0644);
    world.fetch();
    seal = read_seal(checkout.folder);
    CHECK(seal->policy == "another");
    CHECK(seal->fingerprint == tree_fingerprint(checkout.folder));
}

TEST_CASE("the seals of pruned checkouts go with them") {
    World world;
    world.request.settings.keep = 1;
    const fs::path old = world.fetch().folder;
    CHECK(fs::exists(seal_of(old)));
    world.request.revision = world.push("two");
    const fs::path present = world.fetch().folder;
    CHECK_FALSE(fs::exists(old));
    CHECK_FALSE(fs::exists(seal_of(old)));
    CHECK(fs::exists(seal_of(present)));
}

TEST_CASE("what the repository keeps of pruned revisions goes at last, and nothing that is needed") {
    World world;
    world.request.settings.keep = 2;
    std::vector<std::string> revisions;
    for (int i = 0; i < 23; ++i) {
        revisions.push_back(world.push("number-" + std::to_string(i)));
        world.request.revision = revisions.back();
        fs::last_write_time(world.fetch().folder,
                            fs::file_time_type::clock::now() - std::chrono::hours(100) + std::chrono::hours(i));
    }
    const auto has = [&](const std::string& commit) {
        return shell_with_git(world.repository(),
                              "git cat-file -e " + commit + " 2>/dev/null && echo yes || echo no") == "yes";
    };
    CHECK_FALSE(has(revisions.front()));
    CHECK(has(revisions[21]));
    CHECK(has(revisions[22]));
    CHECK(shell_with_git(world.repository(), "ls objects/pack/*.pack | wc -l") != "23");
    world.switch_server_off();
    world.request.revision = revisions[21];
    fs::remove_all(world.request.checkouts / revisions[21]);
    world.fetch();
    CHECK(world.read("manifests/site.pp") == "number-21\n");
}

TEST_CASE("a file of Git LFS is named, and nothing is checked out") {
    World world;
    world.request.revision = world.server(
        "echo '*.bin filter=lfs' > .gitattributes; mkdir big; "
        "printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:0\\nsize 1\\n' > big/image.bin; git add -A; "
        "git -c filter.lfs.clean=cat commit -q -m lfs; git rev-parse HEAD");
    const Error error = world.failure();
    CHECK(error.code == "repository.lfs");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("big/image.bin") != std::string::npos);
    CHECK(world.checkouts().empty());
}

TEST_CASE("a tree that is larger than the disk is foreseen, before anything is written") {
    World world;
    // A tree of trees that repeat themselves: some bytes of repository, a terabyte of checkout.
    world.request.revision = world.server(R"sh(
        blob=$(head -c 4194304 /dev/zero | git hash-object -w --stdin)
        many() { for i in $(seq 100 599); do printf '%s %s\t%s\n' "$1" "$2" "$i"; done | git mktree; }
        git commit-tree -m large $(many '040000 tree' $(many '100644 blob' $blob))
    )sh");
    world.server("git update-ref refs/heads/large " + world.request.revision);
    const Error error = world.failure();
    CHECK(error.code == "io.no_space");
    CHECK(error.kind == ErrorKind::transient);
    CAPTURE(error.message);
    CHECK(error.message.find("250000 files") != std::string::npos);
    CHECK(error.advice.find("repository.keep") != std::string::npos);
    CHECK(world.checkouts().empty());
}

TEST_CASE("a pin that is no commit is told, with the commit, and no other place is asked") {
    World world;
    world.server("git tag -a -m x v1; git tag -a -m y v2 v1");
    const std::string commit = world.request.revision;
    const std::string kind = GENERATE("v1", "v2", "HEAD^{tree}", "HEAD:manifests/site.pp");
    CAPTURE(kind);
    world.request.revision = world.server("git rev-parse " + kind);
    const bool is_local = GENERATE(true, false);
    if (!is_local) {
        constexpr const char* place = "https://git.example.com/x.git";
        world.set_places({place, "https://other.example.com/x.git"});
        world.downloads.serve(place, [&](const DownloadRequest& request) {
            const GitAnswer answer{.commit = request.wish.revision, .has_pack = true};
            const std::string object = world.server("git rev-parse " + kind);
            return gives(request,
                         pack_of(world.root.path() / "server", {object, commit, world.server("git rev-parse v1")}),
                         {{"git", to_json(answer)}});
        });
    }
    const Error error = world.failure();
    CHECK(error.code == "git.revision_invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(world.downloads.requests.size() == (is_local ? 0 : 1));
    const bool is_tag = kind.starts_with('v');
    CHECK((error.message.find("is an annotated tag of commit " + commit) != std::string::npos) == is_tag);
    CHECK((error.advice.find(commit) != std::string::npos) == is_tag);
}
