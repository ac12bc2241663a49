// The commit before which nothing runs.

#include "agent/repository/sources/mirrors.hpp"

#include "agent/repository/proof/seal.hpp"
#include "common/base/error.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/mirrors_world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
using namespace bootwright::mirrors_tests;
namespace fs = std::filesystem;

namespace {

/// Commits one to four, of which the image lets nothing run before the second; and one that left after the first.
struct HistoryWorld : World {
    explicit HistoryWorld(const std::string& place) {
        set_places({place == "file" ? request.name_url : Url(a)});
        downloads.serve(a, good());
        first = push("first");  // not the root: it has a past of its own
        second = push("two");
        third = push("three");
        other =
            server("git checkout -q -b side " + first + "; git commit -q --allow-empty -m side; git rev-parse HEAD");
        server("git checkout -q main");
        request.settings.not_before = second;
    }
    std::string first{};
    std::string second{};
    std::string third{};
    std::string other{};
};

}  // namespace

TEST_CASE("a pin that descends from not_before, or is it, runs; an older one and another one do not") {
    HistoryWorld world(GENERATE("file", "https"));
    for (const std::string& bad : {world.first, world.other}) {
        world.request.revision = bad;
        const Error error = world.failure();
        CHECK(error.code == "repository.not_before");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find(bad) != std::string::npos);
        CHECK(error.message.find(world.second) != std::string::npos);
        CHECK(world.checkouts().empty());
    }
    for (const std::string& good : {world.third, world.second}) {
        world.request.revision = good;
        CHECK(world.fetch().revision == good);
        CHECK(read_seal(world.request.checkouts / good)->not_before == world.second);
    }
    world.request.revision = world.first;
    CHECK(world.failure().code == "repository.not_before");
}

TEST_CASE("not_before holds for branches") {
    HistoryWorld world(GENERATE("file", "https"));
    world.request.revision = "side";
    CHECK(world.failure().code == "repository.not_before");
    world.request.revision = "main";
    CHECK(world.fetch().revision == world.third);
    const std::string fourth = world.push("four");
    CHECK(world.fetch().revision == fourth);
}

TEST_CASE("not_before holds for a checkout that was made before the image asked for it") {
    HistoryWorld world("https");
    world.request.settings.not_before = "";
    for (const std::string& pin : {world.first, world.third}) {
        world.request.revision = pin;
        world.fetch();
    }
    world.request.settings.not_before = world.second;
    CHECK(world.fetch().revision == world.third);
    world.request.revision = world.first;
    CHECK(world.failure().code == "repository.not_before");
}

TEST_CASE("what was shown once is remembered, though its history is not kept") {
    HistoryWorld world("https");
    world.push("between");  // of which only the history knows
    world.request.revision = world.push("four");
    world.fetch();
    {
        const GitLibrary library;
        auto repository = GitRepository::open_or_create(world.repository());
        REQUIRE(repository.repack(0));
    }
    const std::string known = world.request.revision;
    world.request.revision = world.push("five");
    CHECK_NOTHROW(world.fetch());
    // What a server was asked for: the difference to what is here.
    const auto& haves = world.downloads.requests.back().wish.haves;
    CHECK(std::find(haves.begin(), haves.end(), known) != haves.end());
    // And where nothing says so any more, the history is fetched again.
    for (const std::string& checkout : world.checkouts()) {
        fs::remove(seal_of(world.request.checkouts / checkout));
    }
    {
        const GitLibrary library;
        auto repository = GitRepository::open_or_create(world.repository());
        repository.repack(0);
    }
    world.request.revision = world.push("six");
    CHECK_NOTHROW(world.fetch());
    CHECK(world.downloads.requests.back().wish.haves == std::vector<std::string>{world.second});
}

TEST_CASE("a snapshot cannot show descent, but of the commit itself and its child; a git place after it can") {
    HistoryWorld world("https");
    const std::string far = world.push("four");
    world.request.revision = far;
    const std::string base = "https://cdn.example.com/";
    for (const std::string& commit : {world.second, world.third, far}) {
        world.downloads.serve(base + commit + ".bundle",
                              snapshot_server(world.root.path() / "server", {{commit, "refs/bootwright/snapshot/x"}}));
    }
    world.set_places({base + "{revision}.bundle"});
    const Error error = world.failure();
    CHECK(error.code == "repository.descent_unknown");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find(world.second) != std::string::npos);
    CHECK(error.message.find(far) != std::string::npos);
    for (const std::string& near : {world.third, world.second}) {  // the one names the other as its parent
        world.request.revision = near;
        CHECK_NOTHROW(world.fetch());
    }
    world.request.revision = far;
    world.set_places({base + "{revision}.bundle", a});
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("a place that holds no history cannot show descent, and the next is asked") {
    HistoryWorld world("https");
    world.request.revision = world.push("four");
    const FakeDownloads::Server shallow = [&](const DownloadRequest& request) {
        DownloadRequest asked = request;
        asked.wish.with_history = false;
        return world.good()(asked);
    };
    world.downloads.serve(a, shallow);
    CHECK(world.failure().code == "repository.descent_unknown");
    world.downloads.serve(b, world.good());
    world.set_places({a, b});
    CHECK_NOTHROW(world.fetch());
    CHECK(world.said().back() == "b: gave it");
}
