// What is read of a tree without a checkout, and how its files come out.

#include "common/git/git.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"
#include "test/fakes/two_repositories.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

#include <cstddef>

using namespace bootwright;
using namespace bootwright::pack_tests;

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
    CHECK(with.ours.first_unconverted(with.head).value().path == "big/image.iso");
    Two fetched("mkdir big; seq 1000 > big/image.iso; " + attributes);
    fetched.import(fetched.pack(fetched.head + "\\n"));
    CHECK_FALSE(fetched.ours.first_unconverted(fetched.head));
    Two without("mkdir big; " + pointer);
    without.import(without.pack(without.head + "\\n"));
    CHECK_FALSE(without.ours.first_unconverted(without.head));
}

TEST_CASE("a pointer to Git LFS has less than 1024 bytes") {
    const auto [size, is_pointer] = GENERATE(table<std::size_t, bool>({{1023, true}, {1024, false}}));
    const std::string version = "version https://git-lfs.github.com/spec/v1\\n";
    Two two("printf '" + version + std::string(size - version.size() + 1, 'x') +
            "' > a.iso; echo '*.iso filter=lfs' > .gitattributes; git config filter.lfs.clean cat");
    two.import(two.pack(two.head + "\\n"));
    CHECK(two.ours.first_unconverted(two.head).has_value() == is_pointer);
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
