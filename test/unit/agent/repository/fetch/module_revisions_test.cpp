#include "agent/repository/fetch/module_revisions.hpp"

#include "test/fakes/fake_processes.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

/// A module with history. No server is asked.
struct World {
    TemporaryRoot root{};
    FakeProcesses processes{};

    World() {
        root.make_folder("/module");
        git("git init -q -b main .; echo 1 > file; git add -A; git commit -q -m 1; git tag v1; git branch side; "
            "echo 2 > file; git commit -q -a -m 2");
    }
    std::string git(const std::string& script) const { return shell_with_git(root.path() / "module", script); }
    [[nodiscard]] ModulesRequest request(std::vector<ModuleWish> wishes) const {
        ModulesRequest request{.fetch = {}, .modules = std::move(wishes)};
        request.fetch.repositories = root.path() / "work/repository";
        request.fetch.downloads = root.path() / "work/download";
        request.fetch.settings.seed.clear();
        request.fetch.settings.allow_rewritten_branches = true;
        return request;
    }
    [[nodiscard]] ModuleWish wish(std::vector<std::string> revisions, const std::string& short_commit = "") const {
        return {.url = Url::of_file(root.path() / "module"),
                .revisions = std::move(revisions),
                .short_commit = short_commit};
    }
    std::vector<ResolvedModule> resolve(const std::vector<ModuleWish>& wishes) {
        std::vector<ResolvedModule> found;
        resolve_modules(request(wishes), processes, {no_progress, [](const PlaceAnswer&) {}},
                        [&](const ResolvedModule& module) { found.push_back(module); });
        return found;
    }
};

}  // namespace

TEST_CASE("a module is the first of the names that its repository has, at last the beginning of a commit's id") {
    World world;
    const std::string one = world.git("git rev-parse v1");
    const std::string two = world.git("git rev-parse main");
    const auto found = world.resolve({world.wish({"refs/tags/v1"}), world.wish({"refs/tags/main", "refs/heads/main"}),
                                      world.wish({"HEAD"}), world.wish({one}),
                                      world.wish({"refs/tags/x", "refs/heads/x"}, one.substr(0, 7))});
    REQUIRE(found.size() == 5);
    CHECK(found[0].commit == one);
    CHECK(found[0].tree == world.git("git rev-parse v1^{tree}"));
    CHECK(found[1].commit == two);
    CHECK(found[2].commit == two);
    CHECK(found[3].commit == one);
    CHECK(found[4].commit == one);
}

TEST_CASE("a module that cannot be found does not hide the others") {
    World world;
    const auto found = world.resolve({world.wish({"refs/tags/x"}),
                                      world.wish({"refs/tags/y"}, "00000000"),
                                      {.url = Url::of_file(world.root.path() / "gone"), .revisions = {"HEAD"}},
                                      world.wish({"HEAD"})});
    REQUIRE(found.size() == 4);
    REQUIRE((found[0].problem && found[1].problem && found[2].problem));
    CHECK(found[0].problem->code == "git.revision_not_found");
    CHECK(found[1].problem->code == "git.revision_not_found");
    CHECK(found[1].problem->message.find("00000000") != std::string::npos);
    CHECK(found[2].problem->code == "git.no_repository");
    CHECK(found[3].commit == world.git("git rev-parse main"));
}
