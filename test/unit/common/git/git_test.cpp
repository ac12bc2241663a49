#include "common/git/git.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/files/tree_fingerprint.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/git_repositories.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

using namespace bootwright;
using namespace bootwright::git_tests;
namespace fs = std::filesystem;

namespace {

constexpr const char* small_tree = R"(
mkdir -p deep/er/est 'a folder with spaces'
echo content > file
: > empty
printf '#!/bin/sh\n' > script
chmod 755 script
echo x > deep/er/est/file
printf 'a\r\nb\0c' > binary
ln -s deep/er link
ln -s /nowhere/at/all dangling
echo y > 'a folder with spaces/ü')";

/// The path of a loose object, which the `git` program made, in our repository.
void unpack_objects(const fs::path& repository) {
    shell_with_git(repository,
                   "mkdir -p ../unpack; mv objects/pack/*.pack ../unpack/; rm -f objects/pack/*; "
                   "for pack in ../unpack/*.pack; do git unpack-objects -q < $pack; done");
}

fs::path object_file(const fs::path& repository, const std::string& id) {
    return repository / "objects" / id.substr(0, 2) / id.substr(2);
}

}  // namespace

TEST_CASE("a new repository is empty, and opening it again changes nothing") {
    const Repositories repositories("echo x > file");
    const GitRepository first = repositories.open();
    CHECK_FALSE(first.has_commit(repositories.head));
    const GitRepository again = repositories.open();
    CHECK_FALSE(again.has_commit(repositories.head));
}

TEST_CASE("a commit says what it is about, by whom and when, no longer than anybody reads") {
    const Repositories repositories("echo x > file");
    const std::string second = repositories.shell(
        "GIT_AUTHOR_NAME='Ann Example' GIT_AUTHOR_DATE='2026-11-20T14:03:07+0200' "
        "git commit -q --allow-empty -m 'Serve the site\nfrom disk' -m 'More words.'; git rev-parse HEAD");
    const std::string endless = repositories.shell(
        "git commit -q --allow-empty --cleanup=verbatim -m \"$(head -c 5000 /dev/zero | tr '\\0' x)\"; git rev-parse "
        "HEAD");
    const std::string silent =
        repositories.shell("git commit -q --allow-empty --allow-empty-message -m ''; git rev-parse HEAD");
    const GitRepository repository = repositories.fetched();
    GitRepository ours = repositories.open();
    for (const std::string& id : {second, endless}) {
        ours.copy_commit_from(repositories.root.path() / "server", id, {}, no_progress);
    }
    const CommitText text = ours.commit_text(second);
    CHECK(text.subject == "Serve the site from disk");
    CHECK(text.author == "Ann Example");
    CHECK(text.time == 1795176187);
    CHECK(ours.commit_text(endless).subject == std::string(1000, 'x'));
    CHECK(ours.commit_text(silent).subject.empty());
    CHECK(error_of([&] { return ours.commit_text(std::string(40, 'a')).subject; }).code == "git.corrupt");
}

TEST_CASE("what is no commit is not taken for one") {
    const Repositories repositories("echo content > file");
    const GitRepository repository = repositories.fetched();
    const std::string blob = repositories.shell("git rev-parse HEAD:file");
    const std::string tree = repositories.shell("git rev-parse 'HEAD^{tree}'");
    CHECK_FALSE(repository.has_commit(blob));
    CHECK_FALSE(repository.has_commit(tree));
    CHECK(error_of([&] { return repository.has_commit("not hexadecimal"); }).code == "git.revision_invalid");
}

TEST_CASE("a checkout holds exactly the commit: folders, links, executables, empty files") {
    const Repositories repositories(small_tree);
    GitRepository repository = repositories.fetched();
    std::uint64_t files = 0;
    repositories.root.make_folder("/checkout");
    repository.check_out(repositories.head, repositories.root.path() / "checkout",
                         [&](std::string_view what, std::uint64_t done, std::uint64_t) {
                             CHECK(what == "files");
                             files = std::max(files, done);
                         });
    CHECK(files > 0);
    const TemporaryRoot& root = repositories.root;
    CHECK(root.read("/checkout/file") == "content\n");
    CHECK(root.read("/checkout/empty").empty());
    CHECK(root.read("/checkout/binary") == std::string("a\r\nb\0c", 6));
    CHECK(root.read("/checkout/deep/er/est/file") == "x\n");
    CHECK(root.read("/checkout/a folder with spaces/ü") == "y\n");
    CHECK((root.mode("/checkout/script") & S_IXUSR) != 0);
    CHECK((root.mode("/checkout/file") & S_IXUSR) == 0);
    CHECK(fs::read_symlink(root.path("/checkout/link")) == "deep/er");
    CHECK(fs::read_symlink(root.path("/checkout/dangling")) == "/nowhere/at/all");
    CHECK_FALSE(root.exists("/checkout/.git"));
    CHECK_FALSE(repository.first_difference(repositories.head, root.path("/checkout")));
}

TEST_CASE("no configuration of the machine or of its user counts") {
    const TemporaryRoot home;
    home.write("/.gitconfig", "[core]\n\tautocrlf = true\n\teol = crlf\n\tattributesFile = ~/attributes\n");
    home.write("/git/config", "[core]\n\tautocrlf = true\n");
    home.write("/git/attributes", "* eol=crlf\n");
    home.write("/attributes", "* eol=crlf\n");
    const char* before = std::getenv("HOME");
    const std::string old_home = before == nullptr ? "" : before;
    setenv("HOME", home.path().c_str(), 1);
    setenv("XDG_CONFIG_HOME", home.path().c_str(), 1);
    const Repositories repositories("echo '* text' > .gitattributes; echo x > file");
    GitRepository repository = repositories.fetched();
    repositories.checked_out(repository);
    setenv("HOME", old_home.c_str(), 1);
    unsetenv("XDG_CONFIG_HOME");
    CHECK(repositories.root.read("/checkout/file") == "x\n");
}

TEST_CASE("any difference from the commit is found") {
    struct Row {
        const char* what;
        const char* script;
        const char* path;
    };
    const Row row = GENERATE(values<Row>({
        {"changed content", "echo changed > file", "file"},
        {"one byte more", "printf x >> empty", "empty"},
        {"changed with the old time and size", "touch -r file t; echo CONTENT > file; touch -r t file; rm t", "file"},
        {"executable", "chmod +x file", "file"},
        {"not executable", "chmod -x script", "script"},
        {"missing", "rm deep/er/est/file", "deep/er/est/file"},
        {"missing folder", "rm -r deep", "deep"},
        {"too many", "echo x > deep/er/more", "deep/er/more"},
        {"too many folders", "mkdir deep/er/more", "deep/er/more"},
        {"a hidden file too many", "echo x > .hidden", ".hidden"},
        {"another link", "ln -sfn deep link", "link"},
        {"a file where a link was", "rm link; printf deep/er > link", "link"},
        {"a link where a file was", "rm file; ln -s binary file", "file"},
        {"a link where a folder was", "mv deep moved; ln -s moved deep", "deep"},
        {"a folder where a file was", "rm file; mkdir file", "file"},
        {"a pipe where a file was", "rm file; mkfifo file", "file"},
    }));
    CAPTURE(row.what);
    const Repositories repositories(small_tree);
    GitRepository repository = repositories.fetched();
    const fs::path folder = repositories.checked_out(repository);
    REQUIRE_FALSE(repository.first_difference(repositories.head, folder));
    shell_with_git(folder, row.script);
    CHECK(repository.first_difference(repositories.head, folder) == row.path);
}

TEST_CASE("a folder that is empty, or not there at all, differs") {
    const Repositories repositories("echo x > file");
    const GitRepository repository = repositories.fetched();
    repositories.root.make_folder("/checkout");
    CHECK(repository.first_difference(repositories.head, repositories.root.path() / "checkout") == "file");
}

TEST_CASE("line endings that .gitattributes rules over are checked out, and found equal") {
    const std::string attributes = GENERATE("* text=auto", "*.pp eol=lf", "* text eol=crlf", "* -text", "* ident");
    CAPTURE(attributes);
    const Repositories repositories("echo '" + attributes +
                                    "' > .gitattributes; printf 'a\\nb $Id$\\n' > unix.pp; git add -A");
    GitRepository repository = repositories.fetched();
    const fs::path folder = repositories.checked_out(repository);
    CHECK(repository.first_difference(repositories.head, folder) == std::nullopt);
}

TEST_CASE("a checkout that is not what was written, since the disk or somebody changed it, is no checkout") {
    const Repositories repositories("echo '* text=auto' > .gitattributes; echo x > a; echo y > b");
    GitRepository repository = repositories.fetched();
    const fs::path folder = repositories.root.path() / "checkout";
    repositories.root.make_folder("/checkout");
    const auto change = [&](std::string_view, std::uint64_t done, std::uint64_t) {
        if (done == 3) {
            repositories.root.write("/checkout/a", "z\n");
        }
    };
    const Error error = error_of([&] { return repository.check_out(repositories.head, folder, change); });
    CHECK(error.code == "git.checkout_differs");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.ends_with("differs from the commit at a"));
}

TEST_CASE("a file that was committed against its .gitattributes can be checked out as well") {
    // Modules of the Forge hold such files: committed on Windows, or before the .gitattributes were added.
    const std::string attributes = GENERATE("* text=auto", "*.pp eol=lf", "* text", "* ident");
    CAPTURE(attributes);
    const Repositories repositories(
        "printf 'a\\r\\nb $Id: old $\\r\\n' > windows.pp; git add -A; git commit -q -m windows\n"
        "git update-index --assume-unchanged windows.pp; echo '" +
        attributes + "' > .gitattributes");
    GitRepository repository = repositories.fetched();
    const fs::path folder = repositories.checked_out(repository);
    CHECK(repository.first_difference(repositories.head, folder) == std::nullopt);
}

TEST_CASE("damage of the repository on disk is told as such") {
    const Repositories repositories("mkdir folder; echo content > folder/file");
    {
        const GitRepository repository = repositories.fetched();
        REQUIRE(repository.has_commit(repositories.head));
    }
    unpack_objects(repositories.ours());
    const std::string kind = GENERATE("HEAD", "HEAD^{tree}", "HEAD:folder", "HEAD:folder/file");
    CAPTURE(kind);
    const fs::path object = object_file(repositories.ours(), repositories.shell("git rev-parse '" + kind + "'"));
    REQUIRE(fs::exists(object));
    const bool is_removed = GENERATE(true, false);
    CAPTURE(is_removed);
    if (is_removed) {
        fs::remove(object);
    } else {
        fs::permissions(object, fs::perms::owner_all);
        write_file(object, "damaged", 0644);
    }
    const Error error = error_of([&] {
        GitRepository repository = repositories.open();
        return repositories.checked_out(repository);
    });
    CHECK(error.code == "git.corrupt");
    CHECK(error.kind == ErrorKind::transient);
}

TEST_CASE("a tree that cannot be read is never found equal") {
    const Repositories repositories("mkdir folder; echo content > folder/file; echo x > file");
    fs::path folder;
    {
        GitRepository repository = repositories.fetched();
        folder = repositories.checked_out(repository);
    }
    unpack_objects(repositories.ours());
    fs::remove(object_file(repositories.ours(), repositories.shell("git rev-parse HEAD:folder")));
    fs::remove(folder / "folder/file");
    const GitRepository repository = repositories.open();
    bool is_equal = false;
    try {
        is_equal = !repository.first_difference(repositories.head, folder);
    } catch (const Error& error) {
        CHECK(error.code == "git.corrupt");
    }
    CHECK_FALSE(is_equal);
}

TEST_CASE("a repository whose own files are damaged serves on, or is told as such") {
    const Repositories repositories("echo x > file");
    repositories.fetched();
    const char* damage = GENERATE("printf 'rubbish' > HEAD", "rm HEAD", ": > HEAD", "printf '[ rubbish' > config",
                                  "rm config", "rm -r objects", "rm -r refs", "rm objects/pack/*.idx",
                                  ": > objects/pack/*.pack", "mkdir -p refs/heads; printf rubbish > refs/heads/main",
                                  "printf rubbish > packed-refs", "printf rubbish > shallow");
    CAPTURE(damage);
    shell_with_git(repositories.ours(), damage);
    const LeaksOfLibgit2 ignored;
    std::string code = "git.corrupt";
    try {
        GitRepository repository = repositories.fetched();
        CHECK(repository.has_commit(repositories.head));
        repositories.checked_out(repository);
    } catch (const Error& error) {
        code = error.code;
    }
    CHECK(code == "git.corrupt");
}

TEST_CASE("a submodule is an empty folder in the checkout of its parent") {
    const Repositories repositories("echo x > file");
    const std::string commit = commit_with(repositories, "160000 commit " + std::string(40, 'a') + "\\tmodule\\n");
    GitRepository repository = repositories.fetched();
    repositories.root.make_folder("/checkout");
    const fs::path folder = repositories.root.path() / "checkout";
    repository.check_out(commit, folder, no_progress);
    CHECK(fs::is_directory(fs::symlink_status(folder / "module")));
    CHECK(fs::is_empty(folder / "module"));
}

TEST_CASE("a checkout tells its fingerprint") {
    const char* attributes = GENERATE("", "echo '* text=auto' > .gitattributes\n");
    const Repositories repositories(std::string(small_tree) +
                                    "\nmkdir many; for i in $(seq 300); do echo $i > many/$i; done\n" + attributes);
    GitRepository repository = repositories.fetched();
    repositories.root.make_folder("/checkout");
    const fs::path folder = repositories.root.path() / "checkout";
    const std::uint64_t told = repository.check_out(repositories.head, folder, no_progress);
    CHECK(told == tree_fingerprint(folder));
    CHECK(repository.first_difference(repositories.head, folder) == std::nullopt);
}

TEST_CASE("a checkout goes into an empty folder, and through no link") {
    const Repositories repositories(small_tree);
    GitRepository repository = repositories.fetched();
    repositories.root.make_folder("/checkout");
    const fs::path folder = repositories.root.path() / "checkout";
    SECTION("a name that is taken") {
        fs::create_directory_symlink(repositories.root.path(), folder / "deep");
        const Error error = error_of([&] { return repository.check_out(repositories.head, folder, no_progress), 0; });
        CHECK(error.code == "io.name_taken");
        CHECK_FALSE(fs::exists(repositories.root.path() / "er"));
    }
    SECTION("the name of a file that is taken") {
        fs::create_symlink(repositories.root.path() / "elsewhere", folder / "file");
        const Error error = error_of([&] { return repository.check_out(repositories.head, folder, no_progress), 0; });
        CHECK(error.code == "io.name_taken");
        CHECK(error.message == (folder / "file").string() + " is there already");
        CHECK_FALSE(fs::exists(repositories.root.path() / "elsewhere"));
    }
    SECTION("the name of a link that is taken") {
        fs::create_symlink("/elsewhere", folder / "link");
        const Error error = error_of([&] { return repository.check_out(repositories.head, folder, no_progress), 0; });
        CHECK(error.code == "io.name_taken");
        CHECK(error.message == (folder / "link").string() + " is there already");
    }
    SECTION("a link in its place") {
        fs::create_directory_symlink(folder, repositories.root.path() / "link");
        CHECK(error_of([&] {
                  return repository.check_out(repositories.head, repositories.root.path() / "link", no_progress), 0;
              }).code.starts_with("io."));
        CHECK(fs::is_empty(folder));
    }
}

TEST_CASE("a folder that is no repository is told as damaged") {
    const Repositories repositories("echo x > file");
    repositories.root.write("/ours.git", "a file");
    CHECK(error_of([&] { return repositories.open(); }).code == "git.corrupt");
}
