#include "common/git/file_tree.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("files become the tree and the commit that git makes of them") {
    const GitInTest git;
    const TemporaryRoot root;
    GitRepository repository = GitRepository::open_or_create(root.path() / "ours.git");
    GitFileTree files;
    files.add("metadata.json", false, "{}\n");
    files.add("files/deep/run", true, "#!/bin/sh\n");
    files.add("files/empty", false, "");
    files.add("files.d", false, "sorted as git sorts\n");
    const std::string commit = files.write_to(repository, "acme-web 1.0.0");

    root.make_folder("/git");
    const std::string by_git = shell_with_git(
        root.path() / "git",
        "git init -q .; mkdir -p files/deep; echo '{}' > metadata.json; echo '#!/bin/sh' > files/deep/run; "
        "chmod 755 files/deep/run; : > files/empty; echo 'sorted as git sorts' > files.d; git add -A; git write-tree");
    CHECK(repository.tree_of(commit) == by_git);
    CHECK(repository.is_complete(commit));
    CHECK(wrapping_commit_of(by_git, "acme-web 1.0.0") == commit);
    CHECK(wrapping_commit_of(by_git, "acme-web 1.0.1") != commit);
    CHECK(shell_with_git(root.path() / "ours.git",
                         "git fsck --strict --no-dangling 2>&1; git log -1 --format='%an|%ae|%ct|%s|%P' " + commit) ==
          "bootwright||0|acme-web 1.0.0|");
    CHECK(repository.tree_size(commit).files == 4);
}

TEST_CASE("a tree has a place for each file, and names that git takes") {
    const GitInTest git;
    const TemporaryRoot root;
    const GitRepository repository = GitRepository::open_or_create(root.path() / "ours.git");
    const auto refuses = [&](const std::vector<std::string>& paths) {
        GitFileTree files;
        const Error error = error_of([&] {
            for (const std::string& path : paths) {
                files.add(path, false, path);
            }
            files.write_to(repository, "x");
        });
        CHECK(error.code == "git.tree_refused");
        CHECK(error.kind == ErrorKind::permanent);
    };
    refuses({"a", "a"});
    refuses({"a", "a/b"});
    refuses({"a/b", "a"});
    for (const std::string bad : {"", "/a", "a//b", "../a", "a/..", ".", ".git/config", "a/.GIT/b"}) {
        CAPTURE(bad);
        refuses({bad});
    }
}
