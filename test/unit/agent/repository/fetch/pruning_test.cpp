#include "agent/repository/fetch/pruning.hpp"

#include "agent/repository/proof/seal.hpp"
#include "common/files/file.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

/// A control repository with a submodule at modules/m.
struct World : FetchWorld {
    World() { request.settings.keep = 1; }

    /// Pins a commit of the control repository that pins this one of a module.
    void pin_module(const std::string& name, const std::string& commit) {
        request.revision =
            server("printf '[submodule \"m\"]\\n\\tpath = modules/m\\n\\turl = ../" + name +
                   "\\n' > .gitmodules; git add .gitmodules; git update-index --add --cacheinfo 160000," + commit +
                   ",modules/m; git commit -q -m module; git rev-parse HEAD");
    }
    std::string push_module(const std::string& name, const std::string& content) const {
        return shell_with_git(root.path() / name,
                              "echo " + content + " > file; git commit -q -a -m more; git rev-parse HEAD");
    }
    std::vector<std::string> kept(const std::string& name) const {
        const std::string script =
            "git for-each-ref --format='%(refname:lstrip=3)' refs/bootwright/keep | sort | paste -s -d ' '";
        std::vector<std::string> commits;
        std::string list = shell_with_git(repository(name), script) + " ";
        for (std::size_t end = list.find(' '); end != std::string::npos; end = list.find(' ')) {
            commits.push_back(list.substr(0, end));
            list.erase(0, end + 1);
        }
        return commits;
    }
    std::vector<std::string> repositories() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(request.repositories)) {
            const std::string name = entry.path().filename();
            if (name.find(".git") != std::string::npos) {
                names.push_back(name.substr(0, name.rfind('-')));
            }
        }
        std::sort(names.begin(), names.end());
        return names;
    }
};

using Commits = std::vector<std::string>;

}  // namespace

TEST_CASE("a seal names what its checkout is made of") {
    World world;
    const std::string module = world.make_repository("m");
    world.pin_module("m", module);
    const auto seal = read_seal(world.fetch().folder);
    REQUIRE(seal);
    REQUIRE(seal->commits.size() == 2);
    CHECK(seal->commits[0].repository == world.repository().filename());
    CHECK(seal->commits[0].commit == world.request.revision);
    CHECK(seal->commits[1].repository == world.repository("m").filename());
    CHECK(seal->commits[1].commit == module);
}

TEST_CASE("the commits of a module go with the checkouts that need them") {
    World world;
    const std::string first = world.make_repository("m");
    world.pin_module("m", first);
    world.fetch();
    const std::string second = world.push_module("m", "two");
    world.pin_module("m", second);
    world.fetch();
    CHECK(world.kept("m") == Commits{second});
}

TEST_CASE("a repository that no checkout needs any more is removed, with what was set aside of it") {
    World world;
    world.pin_module("m", world.make_repository("m"));
    world.fetch();
    fs::create_directory(world.repository("m").string() + ".damaged");
    world.pin_module("n", world.make_repository("n"));
    world.fetch();
    CHECK(world.repositories() == std::vector<std::string>{"n", "server"});
    CHECK_FALSE(fs::exists(world.request.repositories / ".removed"));
}

TEST_CASE("what a protected checkout needs stays, also where the control repository's URL has changed") {
    World world;
    const std::string module = world.make_repository("m");
    world.pin_module("m", module);
    const std::string good = world.request.revision;
    world.fetch();
    const std::string before = world.repository().filename();
    world.server("git clone -q --bare . ../moved");
    world.request.name_url = world.url_of("moved");
    world.set_places({world.request.name_url});
    world.pin_module("n", world.make_repository("n"));
    shell_with_git(world.root.path() / "moved", "git fetch -q ../server main:main");
    world.request.protect = {good};
    world.fetch();
    CHECK(world.repositories() == std::vector<std::string>{"m", "moved", "n", "server"});
    CHECK(world.kept("m") == Commits{module});
    CHECK(world.kept("server") == Commits{good});

    world.request.protect.clear();
    world.request.revision = shell_with_git(world.root.path() / "moved", "git rev-parse main");
    world.fetch();
    CHECK(world.repositories() == std::vector<std::string>{"moved", "n"});
}

TEST_CASE("two kinds of checkouts from one repository keep each other's commits") {
    World world;
    const std::string control = world.request.revision;
    world.fetch();
    FetchRequest configuration = world.request;
    world.request.other_checkouts = {world.root.path("/state/configuration")};
    configuration.checkouts = world.root.path("/state/configuration");
    configuration.other_checkouts = {world.request.checkouts};
    configuration.revision = world.push("two");
    std::swap(world.request, configuration);
    world.fetch();
    const std::string second = world.request.revision;
    CHECK(world.kept("server") == (control < second ? Commits{control, second} : Commits{second, control}));
    std::swap(world.request, configuration);
    fs::remove(seal_of(world.request.checkouts / control));
    world.fetch();
    CHECK(world.kept("server").size() == 2);
}

TEST_CASE("nothing of the repositories goes while a checkout does not say what it needs") {
    World world;
    world.request.settings.keep = 2;
    const std::string first = world.make_repository("m");
    world.pin_module("m", first);
    const fs::path folder = world.fetch().folder;
    const char* damage = GENERATE("rm", "truncate -s 5", "sed -i s/commits/other/");
    shell_with_git(world.root.path(), damage + (" " + seal_of(folder).string()));
    world.pin_module("n", world.make_repository("n"));
    world.fetch();
    CHECK(world.repositories() == std::vector<std::string>{"m", "n", "server"});
    CHECK(world.kept("m") == Commits{first});
    CHECK(world.kept("server").size() == 2);
}
