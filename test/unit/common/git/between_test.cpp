#include "common/base/error.hpp"
#include "common/git/git.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_repositories.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace bootwright::git_tests;

namespace {

/// The second one changes a file, one's mode, adds one and removes one. Only the second one is here.
struct TwoCommits {
    Repositories repositories{"mkdir -p a/b; echo 1 > same; echo 1 > other; echo 1 > a/b/gone; echo 1 > a/mode"};
    std::string first = repositories.head;
    std::string second = repositories.shell(
        "echo 2 > other; rm a/b/gone; chmod 755 a/mode; mkdir c; echo 1 > c/new; git add -A; git commit -q -m two; "
        "git rev-parse HEAD");
    GitRepository repository = repositories.fetched();

    void have_first() { repository.copy_commit_from(repositories.root.path() / "server", first, {}, no_progress); }
};

}  // namespace

TEST_CASE("files that two commits have otherwise are counted, and not where one of them is not whole") {
    TwoCommits commits;
    CHECK(commits.repository.files_between(commits.second, commits.second) == 0U);
    CHECK_FALSE(commits.repository.files_between(commits.first, commits.second));
    commits.have_first();
    CHECK(commits.repository.files_between(commits.first, commits.second) == 4U);
    CHECK(commits.repository.files_between(commits.second, commits.first) == 4U);
}

TEST_CASE("files that two commits have otherwise are named, as git names them") {
    TwoCommits commits;
    commits.have_first();
    std::string named;
    const auto name = [&](const FileChange& file) { named += std::string(1, file.kind) + " " + file.path + "\n"; };
    CHECK(commits.repository.each_file_between(commits.first, commits.second, name));
    CHECK(named == "D a/b/gone\nM a/mode\nA c/new\nM other\n");
    const auto fail = [](const FileChange&) { throw permanent_error("a.b", "no", "yes"); };
    CHECK(error_of([&] { return commits.repository.each_file_between(commits.first, commits.second, fail); }).code ==
          "a.b");
}

TEST_CASE("the commits between two: what only the one comes from, and what only the other") {
    const Repositories repositories("echo 1 > file");
    const auto commit = [&](const std::string& name) {
        return repositories.shell("git commit -q --allow-empty -m " + name + "; git rev-parse HEAD");
    };
    const std::string& first = repositories.head;
    const std::string second = commit("second");
    const std::string third = commit("third");
    repositories.shell("git checkout -q -b side " + first);
    const std::string side = commit("side");
    const GitRepository whole = GitRepository::open_or_create(repositories.root.path() / "server/.git");
    using Ids = std::vector<std::string>;
    const CommitsBetween on = whole.commits_between(first, third);
    CHECK(on.is_whole);
    CHECK(on.added == Ids{third, second});
    CHECK(on.removed.empty());
    const CommitsBetween back = whole.commits_between(third, first);
    CHECK(back.is_whole);
    CHECK(back.added.empty());
    CHECK(back.removed == Ids{third, second});
    const CommitsBetween across = whole.commits_between(third, side);
    CHECK(across.is_whole);
    CHECK(across.added == Ids{side});
    CHECK(across.removed == Ids{third, second});
    // Commits without their history do not say what lies between them, unless one is the other's parent.
    GitRepository shallow = repositories.open();
    for (const std::string& id : {first, third}) {
        shallow.copy_commit_from(repositories.root.path() / "server", id, {}, no_progress);
    }
    CHECK_FALSE(shallow.commits_between(first, third).is_whole);
    shallow.copy_commit_from(repositories.root.path() / "server", second, {}, no_progress);
    CHECK(shallow.commits_between(first, third).is_whole);
}
