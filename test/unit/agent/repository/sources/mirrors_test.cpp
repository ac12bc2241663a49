#include "agent/repository/sources/mirrors.hpp"

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

TEST_CASE("places are asked in their order, until one has given it, and each is heard") {
    World world;
    world.downloads.serve(a, fails_with(away()));
    world.downloads.serve(b, world.good());
    world.fetch();
    CHECK(world.read("manifests/site.pp") == "one\n");
    CHECK(world.downloads.asked() == std::vector<std::string>{a, b});
    CHECK(world.said() == std::vector<std::string>{"a: nobody answers (server.unreachable)", "b: gave it"});
}

TEST_CASE("a pin that is on disk asks nobody") {
    World world;
    world.downloads.serve(a, world.good());
    world.fetch();
    world.heard.clear();
    fs::remove_all(world.request.checkouts);
    world.fetch();
    CHECK(world.downloads.asked() == std::vector<std::string>{a});
    CHECK(world.heard.empty());
}

TEST_CASE("where no place has it, each one's words are told, and it passes if one of theirs may") {
    struct Row {
        Error first;
        Error second;
        const char* code;
        ErrorKind kind;
    };
    const Row row = GENERATE(values<Row>({
        {away(), denied(), "server.unreachable", ErrorKind::transient},
        {denied(), away(), "server.unreachable", ErrorKind::transient},
        {away(), transient_error("server.not_trusted", "certificate is not yet valid", "x"), "server.not_trusted",
         ErrorKind::transient},
        {denied(), permanent_error("git.no_repository", "nothing here", "x"), "server.access_denied",
         ErrorKind::permanent},
    }));
    World world;
    world.set_places({"https://user:hunter2@a.example.com/puppet.git", b});
    world.downloads.serve(world.request.places[0].for_transfer(), fails_with(row.first));
    world.downloads.serve(b, fails_with(row.second));
    const Error error = world.failure();
    CAPTURE(error.message);
    CHECK(error.code == row.code);
    CHECK(error.kind == row.kind);
    for (const std::string& part : {std::string("2 places"), row.first.message, row.first.code, row.second.message,
                                    row.second.code, std::string("https://a.example.com/puppet.git")}) {
        CAPTURE(part);
        CHECK(error.message.find(part) != std::string::npos);
    }
    CHECK(error.message.find("hunter2") == std::string::npos);
    CHECK(std::none_of(world.heard.begin(), world.heard.end(), [](const PlaceAnswer& answer) {
        return (answer.place + answer.said).find("hunter2") != std::string::npos;
    }));
}

TEST_CASE("the only place's own error is told as it is, with the wait that it asks for") {
    World world;
    world.set_places({a});
    Error error = away();
    error.code = "server.error";
    world.downloads.serve(a, fails_with(error));
    const Error thrown = world.failure();
    CHECK(thrown.code == "server.error");
    CHECK(thrown.message == "nobody answers");
    CHECK(thrown.advice == "wait");
}

TEST_CASE("what is about this machine ends it at once, and no other place is asked") {
    const std::string code = GENERATE("io.failed", "sandbox.failed", "process.cannot_start", "process.cannot_end");
    World world;
    world.downloads.serve(a, [&](const DownloadRequest&) -> FakeProcesses::Script {
        return {.cannot_start = transient_error(code, "here", "x")};
    });
    world.downloads.serve(b, world.good());
    CHECK(world.failure().code == code);
    CHECK(world.downloads.asked() == std::vector<std::string>{a});
}

TEST_CASE("what the program says of this machine is not believed, and the next place is asked") {
    const std::string code = GENERATE("io.no_space", "io.failed", "sandbox.failed", "process.cannot_start",
                                      "git.corrupt", "repository.branch_rewritten", "stopped");
    World world;
    const Error said(GENERATE(ErrorKind::transient, ErrorKind::permanent, ErrorKind::stopped), code, "here", "x");
    world.downloads.serve(a, fails_with(said));
    world.downloads.serve(b, world.good());
    CHECK_NOTHROW(world.fetch());
    CHECK(world.heard.at(0).said.find("repository.fetch_crashed") != std::string::npos);
}

TEST_CASE("a disk that one place has filled is no matter of the next, as what it gave is gone") {
    World world;
    const auto full = [](const DownloadRequest&) -> FakeProcesses::Script {
        return {.cannot_start = transient_error("io.no_space", "full", "x")};
    };
    world.downloads.serve(a, full);
    world.downloads.serve(b, world.good());
    CHECK(world.fetch().revision == world.request.revision);
    world.request.revision = world.push("two");
    world.downloads.serve(b, full);
    world.downloads.serve(c, full);
    CHECK(world.failure().code == "io.no_space");
}

TEST_CASE("what a place gave that is not what was asked for does not stay") {
    World world;
    const std::string other = world.push("two");
    world.downloads.serve(a, [&](const DownloadRequest& request) {
        return gives(request, pack_of(world.root.path() / "server", {other}),
                     {{"git", to_json(GitAnswer{.commit = world.request.revision, .has_pack = true})}});
    });
    world.set_places({a});
    for (int i = 0; i < 3; ++i) {
        const Error error = world.failure();
        CHECK(error.code == "repository.incomplete");
        CHECK(error.kind == ErrorKind::transient);
    }
    CHECK(fs::is_empty(world.repository() / "objects/pack"));
    CHECK_FALSE(fs::exists(world.repository() / "incoming"));
}

TEST_CASE("an object that git cannot read is that place's fault, and the next is asked") {
    World world;
    world.downloads.serve(b, world.good());
    world.fetch();
    const std::string bad = world.server(
        "tree=$(echo rubbish | git hash-object -w --literally -t tree --stdin); "
        "printf 'tree %s\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n' $tree | git hash-object -w "
        "--literally -t commit --stdin");
    const std::string tree = world.server("echo rubbish | git hash-object --literally -t tree --stdin");
    world.downloads.serve(a, [&](const DownloadRequest& request) {
        world.server("printf '" + bad + "\n" + tree + "\n' | git pack-objects -q --stdout > ../bad.pack");
        return gives(request, world.root.read("/bad.pack"),
                     {{"git", to_json(GitAnswer{.commit = bad, .has_pack = true})}});
    });
    world.request.revision = "main";
    const std::string pushed = world.push("two");
    world.heard.clear();
    CHECK(world.fetch().revision == pushed);
    CHECK(world.heard.at(0).said.find("git.object_invalid") != std::string::npos);
    CHECK(world.heard.at(1).said == "gave it");
}

TEST_CASE("a place that gives another commit is not believed, whatever the program that spoke to it says") {
    World world;
    const std::string other = world.push("two");
    const std::string answered = GENERATE("the other", "0000000000000000000000000000000000000000");
    const std::string commit = answered == "the other" ? other : answered;
    CAPTURE(commit);
    world.downloads.serve(a, [&](const DownloadRequest& request) {
        return gives(request, pack_of(world.root.path() / "server", {other}),
                     {{"git", to_json(GitAnswer{.commit = commit, .has_pack = true})}});
    });
    world.set_places({a});
    const Error error = world.failure();
    CHECK(error.code == "server.protocol");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(world.checkouts().empty());
}

TEST_CASE("a pack that holds another commit than was asked for is found incomplete, and the next place is asked") {
    World world;
    const std::string other = world.push("two");
    world.downloads.serve(a, [&](const DownloadRequest& request) {
        return gives(request, pack_of(world.root.path() / "server", {other}),
                     {{"git", to_json(GitAnswer{.commit = world.request.revision, .has_pack = true})}});
    });
    world.downloads.serve(b, world.good());
    CHECK(world.fetch().revision == world.request.revision);
    CHECK(world.heard.at(0).said.find("repository.incomplete") != std::string::npos);
}

TEST_CASE("a difference that does not fit is asked for once more as a whole") {
    World world;
    world.set_places({a});
    world.downloads.serve(a, world.good());
    const std::string first = world.fetch().revision;
    world.request.revision = world.push("two");
    const bool is_damaged = GENERATE(true, false);
    world.downloads.serve(a, [&](const DownloadRequest& request) {
        if (request.wish.haves.empty()) {
            return world.good()(request);
        }
        CHECK(request.wish.haves == std::vector<std::string>{first});
        CHECK(request.wish.complete == std::vector<std::string>{first});
        const Json answer{{"git", to_json(GitAnswer{.commit = world.request.revision, .has_pack = true})}};
        return gives(request, is_damaged ? "rubbish" : pack_of(world.root.path() / "server", {first}), answer);
    });
    world.fetch();
    CHECK(world.read("manifests/site.pp") == "two\n");
    CHECK(world.downloads.requests.size() == 3);
    CHECK(world.said() == std::vector<std::string>{"a: gave it", "a: gave it"});
}

TEST_CASE("what is incomplete although nothing was taken for known is not asked for again") {
    World world;
    world.set_places({a});
    world.downloads.serve(a, [&](const DownloadRequest& request) {
        return gives(request, "rubbish",
                     {{"git", to_json(GitAnswer{.commit = world.request.revision, .has_pack = true})}});
    });
    CHECK(world.failure().code == "git.pack_damaged");
    CHECK(world.downloads.requests.size() == 1);
}

TEST_CASE("a server is told what is here, and which of that has no parents") {
    World world;
    world.set_places({a});
    world.downloads.serve(a, world.good());
    const std::string root_commit = world.fetch().revision;
    const std::string second = world.request.revision = world.push("two");
    world.fetch();
    world.request.revision = world.push("three");
    world.fetch();
    const GitWish& wish = world.downloads.requests.back().wish;
    std::vector<std::string> haves{root_commit, second};
    std::sort(haves.begin(), haves.end());
    CHECK(wish.haves == haves);
    CHECK(wish.shallow.empty());  // its parent came with the first
    CHECK_FALSE(wish.with_tags);
    CHECK_FALSE(wish.with_history);
}

TEST_CASE("a server is told what the image's seed has") {
    World world;
    world.set_places({a});
    world.downloads.serve(a, world.good());
    world.server("git clone -q --bare . ../seed.git");
    world.request.settings.seed = world.root.path() / "seed.git";
    const std::string seeded = world.request.revision;
    world.request.revision = world.push("two");
    world.fetch();
    CHECK(world.downloads.requests.back().wish.haves == std::vector{seeded});
}

TEST_CASE("a snapshot gives a pin, with the tags in it") {
    World world;
    constexpr const char* place = "https://cdn.example.com/{revision}.bundle";
    const std::string url = "https://cdn.example.com/" + world.request.revision + ".bundle";
    world.set_places({place});
    world.server("git tag -a -m x v1");
    const std::string tag = world.server("git rev-parse v1");
    world.downloads.serve(
        url, snapshot_server(world.root.path() / "server", {{world.request.revision, "refs/bootwright/snapshot/x"},
                                                            {tag, "refs/bootwright/tag/" + tag}}));
    world.fetch();
    CHECK(world.read("manifests/site.pp") == "one\n");
    CHECK(world.downloads.asked() == std::vector<std::string>{url});
    CHECK(shell_with_git(world.repository(), "git cat-file -t " + tag) == "tag");
}

TEST_CASE("a snapshot of another commit is told from the right one, and none holds names") {
    World world;
    constexpr const char* place = "https://cdn.example.com/{revision}.bundle";
    const std::string other = world.push("two");
    world.downloads.serve("https://cdn.example.com/" + world.request.revision + ".bundle",
                          snapshot_server(world.root.path() / "server", {{other, "refs/heads/x"}}));
    world.set_places({place});
    const Error wrong = world.failure();
    CHECK(wrong.code == "git.snapshot_invalid");
    CHECK(wrong.message.find(other) != std::string::npos);
    CHECK(wrong.message.find(world.request.revision) != std::string::npos);
    world.request.revision = "main";
    const Error error = world.failure();
    CHECK(error.code == "git.revision_not_found");
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("a repository on this machine that is damaged is the place's fault, and the next is asked") {
    World world;
    world.server("git clone -q --bare . ../other.git");
    fs::remove(object_file(world.root.path() / "other.git", world.server("git rev-parse HEAD:manifests")));
    world.set_places({world.url_of("other.git"), world.request.name_url});
    world.fetch();
    REQUIRE(world.heard.size() == 2);
    CHECK(world.heard[0].said.find("git.pack_damaged") != std::string::npos);
    CHECK(world.heard[1].said == "gave it");
}

TEST_CASE("each place but the last gets half of the time that is left, so that one without an end leaves some") {
    using namespace std::chrono_literals;
    World world;
    world.request.settings.timeout = 8min;
    world.downloads.serve(a, fails_with(away()));
    world.downloads.serve(b, fails_with(away()));
    world.downloads.serve(c, world.good());
    world.fetch();
    REQUIRE(world.downloads.processes.size() == 3);
    CHECK(world.downloads.processes[0].timeout <= 4min);
    CHECK(world.downloads.processes[1].timeout <= 4min);
    CHECK(world.downloads.processes[2].timeout > 8min);  // the agent ends that
}
