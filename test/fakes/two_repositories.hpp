#pragma once

#include "common/files/file.hpp"
#include "common/git/git.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>

namespace bootwright::pack_tests {

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
    [[nodiscard]] std::filesystem::path theirs() const { return root.path() / "theirs"; }
    [[nodiscard]] std::filesystem::path path() const { return root.path() / "ours.git"; }
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
        if (std::filesystem::exists(path() / "incoming")) {
            return true;
        }
        const auto packs = std::filesystem::directory_iterator(path() / "objects/pack");
        return std::any_of(begin(packs), end(packs),
                           [](const auto& entry) { return !entry.path().filename().native().starts_with("pack-"); });
    }
    [[nodiscard]] std::ptrdiff_t packs() const {
        const auto all = std::filesystem::directory_iterator(path() / "objects/pack");
        return std::count_if(begin(all), end(all), [](const auto& e) { return e.path().extension() == ".pack"; });
    }
    void check_out_equals_git(const std::string& commit) {
        const std::filesystem::path folder = root.path() / ("checkout-" + commit);
        std::filesystem::create_directory(folder);
        ours.check_out(commit, folder, no_progress);
        CHECK(ours.first_difference(commit, folder) == std::nullopt);
        shell("rm -rf ../git-checkout; git clone -q . ../git-checkout; cd ../git-checkout; git checkout -q " + commit +
              "; rm -rf .git; diff -r --no-dereference . '" + folder.string() + "' 1>&2");
    }
};

}  // namespace bootwright::pack_tests
