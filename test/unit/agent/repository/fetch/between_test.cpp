#include "agent/repository/fetch/between.hpp"

#include "common/base/error.hpp"
#include "test/fakes/fetch_tests.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_library.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace bootwright;
using namespace bootwright::fetch_tests;

namespace {

/// A machine that went from the first revision of a repository to another one, and somebody who asks what lies between.
struct Asked {
    World world{};
    std::string first = world.request.revision;
    FakeDownloads places{};

    Asked() { world.fetch(); }

    void goes_to(const std::string& revision) {
        world.request.revision = revision;
        world.fetch();
    }

    Between look(const std::string& before, const std::string& after, std::vector<Url> asked = {}) {
        BetweenRequest request{
            .fetch = world.request, .kept = world.request.repositories, .before = before, .after = after};
        request.fetch.places = std::move(asked);
        request.fetch.repositories = world.root.path("/work/repository");
        request.fetch.downloads = world.root.path("/work/download");
        world.root.remove("/work");
        world.root.make_folder("/work");
        return look_between(request, places, {.progress = no_progress, .heard = [](const PlaceAnswer&) {}});
    }
};

}  // namespace

TEST_CASE("between two revisions that a machine keeps: the files, and the commits where their history is there") {
    Asked asked;
    asked.goes_to(asked.world.push("two"));
    const std::string second = asked.world.request.revision;
    const Between one = asked.look(asked.first, second);
    REQUIRE(one.has_commits);  // the one is the parent of the other
    REQUIRE(one.added.size() == 1);
    CHECK(one.added[0].id == second);
    CHECK(one.added[0].words.subject == "two");
    REQUIRE(one.has_files);
    REQUIRE(one.files.size() == 1);
    CHECK(one.files[0].change == "M");
    CHECK(one.files[0].path == "manifests/site.pp");
    CHECK(asked.look(second, asked.first).removed.size() == 1);

    asked.world.push("three");
    asked.goes_to(asked.world.push("four"));
    const Between more = asked.look(asked.first, asked.world.request.revision);
    CHECK_FALSE(more.has_commits);
    CHECK_FALSE(more.not_deepened);
    CHECK(more.has_files);
    const Between gone = asked.look(std::string(40, 'e'), second);
    CHECK_FALSE(gone.has_files);
    CHECK_FALSE(gone.has_commits);
}

TEST_CASE(
    "a place is asked for the history between, which is exactly what is told, also of what is not kept any more") {
    Asked asked;
    const std::string first = asked.first;
    const std::string second = asked.world.push("two");
    asked.world.push("three");
    asked.goes_to(asked.world.push("four"));
    const std::string& last = asked.world.request.revision;
    const std::string address = "https://git.example.com/control.git";
    const Url place(address);
    asked.places.serve(address, git_server(asked.world.root.path() / "server"));
    const Between on = asked.look(first, last, {place});
    CHECK_FALSE(on.not_deepened);
    REQUIRE(on.has_commits);
    CHECK(on.added_count == 3);
    CHECK(on.added.front().words.subject == "four");
    CHECK(on.removed.empty());
    const Between back = asked.look(last, first, {place});
    CHECK(back.has_commits);
    CHECK(back.removed_count == 3);
    const Between unkept = asked.look(second, last, {place});
    CHECK(unkept.added_count == 2);
    CHECK(unkept.has_files);

    const Between unreached = asked.look(first, last, {Url("https://nowhere.example.com/x.git")});
    CHECK_FALSE(unreached.has_commits);
    CHECK(unreached.has_files);
    REQUIRE(unreached.not_deepened);
    CHECK(unreached.not_deepened->code == "server.unreachable");
}

TEST_CASE("modules are told by their versions: of the Puppetfile, of submodules, and of what is vendored") {
    Asked asked;
    const auto push = [&](const std::string& script) {
        asked.goes_to(asked.world.server(script + "; git add -A; git commit -q -m modules; git rev-parse HEAD"));
        return asked.world.request.revision;
    };
    asked.world.request.settings.puppetfile = AgentConfig::Repository::Puppetfile::ignore;
    const std::string before = push(
        "mkdir -p site/own; echo '{\"version\": \"1.0.0\"}' > site/own/metadata.json; "
        "printf \"mod 'puppetlabs/stdlib', '9.0.0'\\nmod 'a/gone', '1.0.0'\\n\" > Puppetfile");
    const std::string after = push(
        "echo '{\"version\": \"1.1.0\"}' > site/own/metadata.json; "
        "printf \"mod 'puppetlabs/stdlib', '9.6.0'\\n\" > Puppetfile");
    std::string told;
    for (const Between::Module& module : asked.look(before, after).modules) {
        told += module.name + ": " + module.before + " -> " + module.after + "\n";
    }
    CHECK(told == "modules/gone: 1.0.0 -> \nmodules/stdlib: 9.0.0 -> 9.6.0\nsite/own: 1.0.0 -> 1.1.0\n");
}
