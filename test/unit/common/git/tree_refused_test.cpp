// Trees that are never written to disk, whoever made them.

#include "common/git/git.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_repositories.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::git_tests;
namespace fs = std::filesystem;

TEST_CASE("a tree that git fsck refuses is refused, before anything of it is written") {
    struct Row {
        const char* what;
        const char* script;  ///< prints the tree's entries: mode, name and object, as printf writes them
    };
    const Row row = GENERATE(values<Row>({
        {"out of order", "printf '100644 b\\0'; id; printf '100644 a\\0'; id"},
        {"twice", "printf '100644 a\\0'; id; printf '100644 a\\0'; id"},
        {"a link and a folder of one name",
         "printf '120000 a\\0'; id; printf '100644 a.b\\0'; id; printf '40000 a\\0'; folder"},
        {"a slash", "printf '100644 a/b\\0'; id"},
    }));
    CAPTURE(row.what);
    const Repositories repositories("mkdir deep; echo x > deep/file");
    const std::string forged = repositories.shell(
        std::string(
            "id() { git rev-parse HEAD:deep/file | xxd -r -p; }\nfolder() { git rev-parse HEAD:deep | xxd -r -p; }\n") +
        "tree=$({ " + row.script + "; } | git hash-object -w -t tree --literally --stdin)\n" +
        "git commit-tree -m forged $tree > .git/forged\ngit update-ref refs/heads/forged $(cat .git/forged)\ncat "
        ".git/forged");
    const Error error = error_of([&] { return repositories.fetched().is_complete(forged); });
    CHECK(error.code == "git.tree_refused");
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("names that only look like git's own are no harm") {
    const char* name = GENERATE(".gitignore", ".github", "git~2", ".git_x", ".git. x", "..git", "gits", ".g", "g:x");
    CAPTURE(name);
    const Repositories repositories("echo x > file");
    const std::string commit = commit_with(
        repositories, "100644 blob " + repositories.shell("git rev-parse HEAD:file") + "\\t" + name + "\\n");
    GitRepository repository = repositories.fetched();
    repositories.root.make_folder("/checkout");
    repository.check_out(commit, repositories.root.path() / "checkout", no_progress);
    CHECK(repositories.root.read(std::string("/checkout/") + name) == "x\n");
}

TEST_CASE("what no file system holds, or is not what the tree says, is refused for good, and is no damage") {
    struct Row {
        const char* what;
        const char* entry;
    };
    const Row row = GENERATE(values<Row>({
        {"a link for .gitmodules", "120000 blob $link\\t.gitmodules\\n"},
        {"an empty link", "120000 blob $empty\\tlink\\n"},
        {"a link with a zero", "120000 blob $zero\\tlink\\n"},
        {"a link without an end", "120000 blob $long\\tlink\\n"},
        {"a folder that is a file", "040000 tree $link\\tfolder\\n"},
        {"a file that is a folder", "100644 blob $tree\\tfolder\\n"},
        {"a name of 256 bytes", "100644 blob $link\\t$name\\n"},
    }));
    CAPTURE(row.what);
    const Repositories repositories("echo x > file");
    const std::string commit = repositories.shell(
        "hash() { git hash-object -w --stdin; }\nlink=$(printf file | hash); empty=$(printf '' | hash)\n"
        "zero=$(printf 'a\\0b' | hash); long=$(head -c 5000 /dev/zero | tr '\\0' x | hash); tree=$(git rev-parse "
        "HEAD^{tree})\n"
        "name=$(head -c 256 /dev/zero | tr '\\0' n)\n"
        "entry() { printf \"$1 \"; printf \"$2\\0\"; printf %s $3 | xxd -r -p; }\n" +
        std::string("line=\"$(printf \"") + row.entry +
        "\")\"\nset -- $line\n"
        "root=$(entry \"${1#0}\" \"$4\" $3 | git hash-object -w -t tree --literally --stdin)\n"
        "commit=$(git commit-tree -m forged $root)\necho $commit > .git/refs/heads/forged\necho $commit");
    repositories.shell("cp -r .git ../ours.git");
    repositories.root.make_folder("/checkout");
    const Error error = error_of([&] {
        GitRepository repository = repositories.open();
        return repository.check_out(commit, repositories.root.path() / "checkout", no_progress), 0;
    });
    CAPTURE(error.message);
    CHECK(error.code == "git.tree_refused");
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("a tree that would write outside its folder, or into .git, is refused for good") {
    // git itself refuses to make such trees: they are written as raw objects.
    const char* name =
        GENERATE(".git", "..", ".", "GIT~1", ".GIT", ".git.", ".git ", "git~1. .", ".git:stream", ".git\\\\x");
    CAPTURE(name);
    const Repositories repositories("echo x > file");
    const std::string hostile = repositories.shell(
        "blob=$(git rev-parse HEAD:file)\n"
        "tree=$({ printf '100644 " +
        std::string(name) +
        "\\0'; printf '%s' $blob | sed 's/../\\\\x&/g' | xargs -0 printf; } |"
        " git hash-object -t tree -w --literally --stdin)\n"
        "commit=$(git commit-tree -m hostile $tree)\n"
        "git update-ref refs/heads/hostile $commit\n"
        "echo $commit");
    repositories.root.make_folder("/checkouts/new");
    const fs::path folder = repositories.root.path() / "checkouts/new";
    const Error error = error_of([&] { return repositories.fetched().check_out(hostile, folder, no_progress), 0; });
    CHECK(error.code == "git.tree_refused");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(fs::is_empty(folder));
    CHECK_FALSE(repositories.root.exists("/checkouts/file"));
}
