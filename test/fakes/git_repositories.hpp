#pragma once

#include "common/files/file.hpp"
#include "common/git/git.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <filesystem>
#include <string>

namespace bootwright::git_tests {

/// A repository that the `git` program made, and our own that fetches from it.
struct Repositories {
    GitInTest git{};
    TemporaryRoot root{};
    std::string head;

    /// @param script runs in the empty work tree; what it leaves there is committed on the branch main
    explicit Repositories(const std::string& script) {
        root.make_folder("/server");
        head = shell("git init -q -b main .\n" + script + "\ngit add -A\ngit commit -q -m one\ngit rev-parse HEAD");
    }

    std::string shell(const std::string& script) const { return shell_with_git(root.path() / "server", script); }
    [[nodiscard]] std::filesystem::path ours() const { return root.path() / "ours.git"; }
    [[nodiscard]] GitRepository open() const { return GitRepository::open_or_create(ours()); }
    GitRepository fetched() const {
        GitRepository repository = open();
        for (const GitRef& ref : local_refs(root.path() / "server")) {
            repository.copy_commit_from(root.path() / "server", ref.commit_id, {}, no_progress);
        }
        return repository;
    }
    /// A folder that holds the commit.
    std::filesystem::path checked_out(GitRepository& repository) const {
        root.make_folder("/checkout");
        repository.check_out(head, root.path() / "checkout", no_progress);
        return root.path() / "checkout";
    }
};

/// A commit whose root holds this one entry besides good ones.
inline std::string commit_with(const Repositories& repositories, const std::string& entry) {
    return repositories.shell("tree=$({ git ls-tree HEAD; printf '" + entry +
                              "'; } | git mktree --missing)\ncommit=$(git commit-tree -m forged $tree)\n"
                              "git update-ref refs/heads/forged $commit\necho $commit");
}

}  // namespace bootwright::git_tests
