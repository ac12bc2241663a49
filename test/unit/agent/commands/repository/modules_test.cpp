#include "agent/repository/modules/module_lock.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

const std::string one(40, 'a');
const std::string two(40, 'b');
const std::string tree(40, 'c');

/// A folder with a Puppetfile, where the command runs.
struct World {
    FakeSystem fake{};
    std::string printed{};

    void write(const std::string& puppetfile) { fake.root.write("/control/Puppetfile", puppetfile); }
    void servers_say(const std::vector<Json>& modules) {
        std::vector<std::string> lines;
        for (const Json& module : modules) {
            lines.push_back(to_line({{"module", module}}));
        }
        fake.processes.answer("bootwright-fetch", {.lines = lines});
    }
    int run(std::map<std::string, std::string> options = {}) {
        options["FOLDER"] = fake.root.path("/control");
        const CapturedOutput output;
        const int status = run_command(fake.system, "modules lock", options);
        printed = output.text();
        return status;
    }
    Error failure(const std::map<std::string, std::string>& options = {}) {
        return error_of([&] { return run(options); });
    }
    [[nodiscard]] ModuleLock lock() const {
        return read_module_lock(fake.root.read(std::string("/control/") + module_lock_name));
    }
    /// What was asked of the servers' repositories last.
    [[nodiscard]] Json asked() const { return Json::parse(fake.processes.requests.back().input).at("modules"); }
};

std::string git(const std::string& name, const std::string& more = "") {
    return "mod '" + name + "', :git => 'https://reader:hunter2@h/" + name + "'" + more + "\n";
}

Json found(const std::string& commit) { return {{"commit", commit}, {"tree", tree}}; }

}  // namespace

TEST_CASE("a lock says what each module is, and a second one asks only for what is new") {
    World world;
    world.write(git("a", ", :tag => 'v1'"));
    world.servers_say({found(one)});
    CHECK(world.run() == exit_ok);
    CHECK(world.printed.find("+ modules/a  aaaaaaaaaaaa tag v1") != std::string::npos);
    CHECK(world.printed.find("hunter2") == std::string::npos);
    REQUIRE(world.lock().modules.size() == 1);
    CHECK(world.lock().modules[0].commit == one);
    CHECK(world.run({{"--check", ""}}) == exit_ok);

    world.write(git("b") + "# moved\n" + git("a", ", :tag => 'v1'"));
    CHECK(world.failure({{"--check", ""}}).message.find("line 1, modules/b is not in the lock") != std::string::npos);
    world.servers_say({found(two)});
    CHECK(world.run() == exit_ok);
    CHECK(world.asked().size() == 1);
    CHECK(world.printed.find("modules/a") == std::string::npos);
    REQUIRE(world.lock().modules.size() == 2);
    CHECK(world.lock().modules[1].commit == two);

    world.write("");
    CHECK(world.run() == exit_ok);
    CHECK(world.printed.find("- modules/a") != std::string::npos);
    CHECK(world.lock().modules.empty());
}

TEST_CASE("what is locked moves only where that is asked for") {
    World world;
    world.write(git("a", ", :branch => 'main'") + git("b", ", :branch => 'main'"));
    world.servers_say({found(one), found(one)});
    world.run();
    world.servers_say({found(two), found(one)});
    CHECK(world.run({{"--outdated", ""}}) == exit_ok);
    CHECK(world.printed.find("~ modules/a  aaaaaaaaaaaa branch main -> bbbbbbbbbbbb branch main") != std::string::npos);
    CHECK(world.lock().modules[0].commit == one);
    world.servers_say({found(two)});
    CHECK(world.run({{"--update", ""}, {"--module", "b"}}) == exit_ok);
    CHECK(world.lock().modules[0].commit == one);
    CHECK(world.lock().modules[1].commit == two);
    world.servers_say({found(two), found(two)});
    CHECK(world.run({{"--update", ""}}) == exit_ok);
    CHECK(world.lock().modules[0].commit == two);
    CHECK_THROWS_AS(world.run({{"--update", ""}, {"--module", "c"}}), UsageError);
    CHECK_THROWS_AS(world.run({{"--module", "a"}}), UsageError);
    CHECK_THROWS_AS(world.run({{"--update", ""}, {"--check", ""}}), UsageError);
}

TEST_CASE("what is asked of a module's repository, as r10k looks it up") {
    struct Row {
        std::string options;
        std::vector<std::string> revisions;
        std::string short_commit{};
    };
    for (const Row& row : std::vector<Row>{
             {", :commit => '" + one + "'", {one}},
             {", :tag => 'v1'", {"refs/tags/v1"}},
             {", :branch => 'x', :default_branch => 'main'", {"refs/heads/x", "refs/heads/main"}},
             {", :branch => :control_branch", {"refs/heads/production"}},
             {", :branch => :control_branch, :default_branch => 'main'", {"refs/heads/production", "refs/heads/main"}},
             {", :ref => 'ABC1234'", {"refs/tags/ABC1234", "refs/heads/ABC1234"}, "abc1234"},
             {", :ref => 'v1.0'", {"refs/tags/v1.0", "refs/heads/v1.0"}},
             {", :commit => 'abc'", {"refs/tags/abc", "refs/heads/abc"}},
             {"", {"HEAD"}},
             {", :default_branch => 'main'", {"refs/heads/main"}},
         }) {
        INFO(row.options);
        World world;
        world.write(git("a", row.options));
        world.fake.root.write("/control/.git/HEAD", "ref: refs/heads/production\n");
        world.servers_say({found(one)});
        CHECK(world.run() == exit_ok);
        CHECK(world.asked() == Json{{{"url", "https://reader:hunter2@h/a"},
                                     {"revisions", row.revisions},
                                     {"short_commit", row.short_commit},
                                     {"release", ""},
                                     {"sha256", ""}}});
    }
}

TEST_CASE("releases are asked of the Forge, by name and version") {
    World world;
    world.write("mod 'acme/web', '1.0.0', :sha256sum => '" + std::string(64, 'd') + "'\nmod 'acme-other', :latest\n");
    const Json release{{"commit", one},
                       {"tree", tree},
                       {"version", "1.0.0"},
                       {"url", "https://f/x.tar.gz"},
                       {"sha256", std::string(64, 'd')}};
    world.servers_say({release, release});
    CHECK(world.run() == exit_ok);
    CHECK(world.printed.find("+ modules/web  1.0.0 (cccccccccccc)") != std::string::npos);
    CHECK(world.asked()[0].at("url") == "https://forgeapi.puppet.com");
    CHECK(world.asked()[0].at("release") == "acme-web-1.0.0");
    CHECK(world.asked()[0].at("sha256") == std::string(64, 'd'));
    CHECK(world.asked()[1].at("release") == "acme-other");
    REQUIRE(world.lock().modules.size() == 2);
    CHECK(world.lock().modules[1].release->url == "https://f/x.tar.gz");
    world.servers_say({release, release});
    CHECK(world.run({{"--update", ""}, {"--forge", "https://forge.example.com"}}) == exit_ok);
    CHECK(world.asked()[0].at("url") == "https://forge.example.com");
    for (const char* member : {"version", "url", "sha256"}) {
        World other;
        other.write("mod 'acme/web', '1.0.0'\n");
        Json odd = release;
        odd[member] = "";
        other.servers_say({odd});
        CHECK(other.failure().code == "repository.fetch_crashed");
    }
}

TEST_CASE("the control repository's branch is that of a work tree, or the one that is named") {
    World world;
    world.write(git("a", ", :branch => :control_branch"));
    world.servers_say({found(one)});
    CHECK_THROWS_AS(world.run(), UsageError);
    world.fake.root.write("/control/.git/HEAD", one + "\n");
    CHECK_THROWS_AS(world.run(), UsageError);
    CHECK(world.run({{"--branch", "feature/x"}}) == exit_ok);
    CHECK(world.asked()[0].at("revisions") == Json{"refs/heads/feature/x"});

    World linked;
    linked.write(git("a", ", :branch => :control_branch"));
    linked.fake.root.write("/git/HEAD", "ref: refs/heads/of/tree\n");
    linked.fake.root.write("/control/.git", "gitdir: ../git\n");
    linked.servers_say({found(one)});
    CHECK(linked.run() == exit_ok);
    CHECK(linked.asked()[0].at("revisions") == Json{"refs/heads/of/tree"});
}

TEST_CASE("all modules that cannot be had are named, and no lock is written") {
    World world;
    world.write(git("a") + git("b") + git("c"));
    const Json none = to_json(permanent_error("git.revision_not_found", "the repository has no branch \"x\"", "push"));
    world.servers_say({{{"error", none}}, found(one), {{"error", none}}});
    const Error error = world.failure();
    CHECK(error.code == "git.revision_not_found");
    CHECK(error.message.starts_with("Puppetfile, line 1, modules/a: the repository has no branch"));
    CHECK(error.message.find("line 3, modules/c: ") != std::string::npos);
    CHECK(error.message.find("modules/b") == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(world.fake.root.path("/control") / module_lock_name));
}

TEST_CASE("a child that says what it never says has locked nothing") {
    for (const std::vector<Json>& said :
         {std::vector<Json>{}, {found("x")}, {{{"commit", one}}}, {Json("x")}, {found(one), found(one)}}) {
        World world;
        world.write(git("a"));
        world.servers_say(said);
        CHECK(world.failure().code == "repository.fetch_crashed");
    }
}

TEST_CASE("a lock that cannot be read, as after a merge with conflicts, is made anew") {
    World world;
    world.write(git("a"));
    world.fake.root.write(std::string("/control/") + module_lock_name, "<<<<<<< HEAD\n");
    CHECK(world.failure({{"--check", ""}}).code == "repository.module_lock");
    world.servers_say({found(one)});
    CHECK(world.run() == exit_ok);
    CHECK(world.lock().modules.size() == 1);
}

TEST_CASE("without a Puppetfile, or without a lock to check, the command says so") {
    World world;
    world.fake.root.make_folder("/control");
    CHECK(world.failure().code == "repository.puppetfile");
    world.write(git("a"));
    CHECK(world.failure({{"--check", ""}}).code == "repository.module_lock");
}
