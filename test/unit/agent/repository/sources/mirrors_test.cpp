#include "agent/repository/sources/mirrors.hpp"

#include "agent/repository/proof/seal.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

constexpr const char* a = "https://a.example.com/puppet.git";
constexpr const char* b = "https://b.example.com/puppet.git";
constexpr const char* c = "https://c.example.com/puppet.git";

Error away() { return transient_error("server.unreachable", "nobody answers", "wait"); }
Error denied() { return permanent_error("server.access_denied", "no", "check the token"); }

/// A repository that is at several places of the network.
struct World : FetchWorld {
    World() { set_places({a, b, c}); }

    [[nodiscard]] FakeDownloads::Server good() const { return git_server(root.path() / "server"); }

    /// What each place said, as "HOST: what".
    [[nodiscard]] std::vector<std::string> said() const {
        std::vector<std::string> answers;
        for (const PlaceAnswer& answer : heard) {
            answers.push_back(answer.place.substr(8, 1) + ": " + answer.said);
            CHECK(answer.seconds >= 0);
        }
        return answers;
    }
};

/// The same, but with one place, which follows a branch.
struct BranchWorld : World {
    explicit BranchWorld(bool is_local) {
        set_places({is_local ? request.name_url : a});
        downloads.serve(a, good());
        request.revision = "main";
    }
};

}  // namespace

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

TEST_CASE("a branch that goes on is followed") {
    BranchWorld world(GENERATE(true, false));
    world.fetch();
    const std::string second = world.push("two");
    CHECK(world.fetch().revision == second);
    const std::string merged = world.server(
        "git checkout -q -b side HEAD~1; echo x > side; git add side; git commit -q -m side; git checkout -q main; "
        "git merge -q --no-edit side; git rev-parse HEAD");
    CHECK(world.fetch().revision == merged);
    CHECK(world.fetch().revision == merged);
}

TEST_CASE("a branch that has left its own past is refused, as long as the image does not allow it") {
    BranchWorld world(GENERATE(true, false));
    world.fetch();
    const std::string rewritten =
        world.server("echo other > manifests/site.pp; git commit -q -a --amend -m rewritten; git rev-parse HEAD");
    const Error error = world.failure();
    CHECK(error.code == "repository.branch_rewritten");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find(rewritten) != std::string::npos);
    CHECK(error.advice.find("allow_rewritten_branches") != std::string::npos);
    CHECK(world.checkouts().size() == 1);
    world.request.settings.allow_rewritten_branches = true;
    CHECK(world.fetch().revision == rewritten);
    world.request.settings.allow_rewritten_branches = false;
    CHECK(world.fetch().revision == rewritten);  // where it is known to lead since
}

TEST_CASE("a branch that goes back is refused too, as it may be a mirror that is about to catch up") {
    BranchWorld world(GENERATE(true, false));
    world.push("two");
    world.fetch();
    world.server("git reset -q --hard HEAD~1");
    const Error error = world.failure();
    CHECK(error.code == "repository.mirror_behind");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.advice.find("allow_rewritten_branches") != std::string::npos);
}

namespace {

/// Three places, which followed the branch main together until the last two commits.
struct ThreePlaces : World {
    ThreePlaces() {
        request.revision = "main";
        server("git clone -q --bare . ../behind.git");
        second = push("two");
        downloads.serve(a, good());
        fetch();
        server(
            "git clone -q . ../rewritten; cd ../rewritten; git config user.name x; git config user.email "
            "x@example.com; "
            "git commit -q --amend -m rewritten");
        third = push("three");
        heard.clear();
    }
    FakeDownloads::Server behind() const { return git_server(root.path() / "behind.git"); }
    FakeDownloads::Server rewritten() const { return git_server(root.path() / "rewritten"); }
    std::string second{};
    std::string third{};
};

}  // namespace

TEST_CASE("a first mirror that lags behind, or whose branch was rewritten, does not hide a good next one") {
    ThreePlaces world;
    const bool is_behind = GENERATE(true, false);
    world.downloads.serve(a, is_behind ? world.behind() : world.rewritten());
    world.downloads.serve(b, world.good());
    CHECK(world.fetch().revision == world.third);
    REQUIRE(world.heard.size() == 2);
    CHECK(world.heard[0].said.find(is_behind ? "repository.mirror_behind" : "repository.branch_rewritten") !=
          std::string::npos);
    CHECK(world.heard[1].said == "gave it");
}

TEST_CASE("where no place has a branch that goes on, one that was rewritten is told before all else") {
    ThreePlaces world;
    world.downloads.serve(a, fails_with(away()));
    world.downloads.serve(b, world.behind());
    world.downloads.serve(c, world.rewritten());
    const Error error = world.failure();
    CHECK(error.code == "repository.branch_rewritten");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("repository.mirror_behind") != std::string::npos);
    CHECK(world.checkouts().size() == 1);
    world.downloads.serve(c, fails_with(away()));
    CHECK(world.failure().kind == ErrorKind::transient);
}

TEST_CASE("a branch or tag is looked up in the image's seed where no place answers") {
    World world;
    const std::string seeded = world.request.revision;
    world.server("git tag -a -m release v1.0; git clone -q --bare . ../seed.git");
    world.request.settings.seed = world.root.path() / "seed.git";
    for (const char* place : {a, b, c}) {
        world.downloads.serve(place, fails_with(away()));
    }
    world.request.revision = GENERATE("main", "v1.0");
    const Checkout checkout = world.fetch();
    CHECK(checkout.revision == seeded);
    CHECK(read_file(checkout.folder / "manifests/site.pp", 100) == "one\n");
    REQUIRE(world.heard.size() == 4);
    CHECK(world.heard[3].place == world.request.settings.seed);

    // It binds nobody: the branch is followed from where a place says that it leads.
    const std::string rewritten =
        world.server("git commit -q --amend -m rewritten; git tag -f v1.0; git rev-parse HEAD");
    world.downloads.serve(a, world.good());
    CHECK(world.fetch().revision == rewritten);
    world.downloads.serve(a, fails_with(away()));
    CHECK(world.failure().code == "server.unreachable");  // the seed would lead back
}

TEST_CASE("a name is not looked up in the seed where a place refuses it, or the seed lacks it") {
    World world;
    world.server("git clone -q --bare . ../seed.git");
    world.request.settings.seed = world.root.path() / "seed.git";
    world.downloads.serve(a, fails_with(away()));
    world.downloads.serve(b, fails_with(denied()));
    world.downloads.serve(c, fails_with(away()));
    world.request.revision = "main";
    CHECK(world.failure().code == "server.unreachable");
    world.downloads.serve(b, fails_with(away()));
    world.request.revision = "other";
    CHECK(world.failure().code == "server.unreachable");
}

TEST_CASE(
    "where branches have led is kept beside the repository, for each name, and a damaged file is as good as none") {
    BranchWorld world(true);
    world.fetch();
    const fs::path file = world.repository().string() + ".followed.json";
    const std::string first = world.server("git rev-parse main");
    CHECK(Json::parse(read_file(file, 1000)) == Json{{"main", first}});
    world.server("git branch other");
    world.request.revision = "other";
    world.fetch();
    CHECK(Json::parse(read_file(file, 1000)) == Json{{"main", first}, {"other", first}});
    world.request.revision = "main";
    const std::string rewritten = world.server("git commit -q --amend -m rewritten; git rev-parse HEAD");
    write_file(file, GENERATE("", "{", "[]", R"({"main": 7})"), 0600);
    CHECK(world.fetch().revision == rewritten);
    CHECK(Json::parse(read_file(file, 1000)).at("main") == rewritten);
}

TEST_CASE("a branch is followed from what was checked out, and from nothing else") {
    BranchWorld world(GENERATE(true, false));
    const std::string first = world.fetch().revision;
    const fs::path file = world.repository().string() + ".followed.json";
    world.server(
        "echo '* filter=lfs' > .gitattributes; printf 'version https://git-lfs.github.com/spec/v1\n' > large; "
        "git add -A; git commit -q -m refused");
    CHECK(world.failure().code == "repository.lfs");
    CHECK(Json::parse(read_file(file, 1000)) == Json{{"main", first}});
    const std::string mended =
        world.server("git reset -q --hard HEAD~1; echo x > x; git add x; git commit -q -m good; git rev-parse HEAD");
    CHECK(world.fetch().revision == mended);
    CHECK(Json::parse(read_file(file, 1000)) == Json{{"main", mended}});
}

TEST_CASE("where a branch led before is lost on disk, its history brings it back, and else it is not gone on with") {
    const bool is_local = GENERATE(true, false);
    BranchWorld world(is_local);
    world.fetch();
    const auto lose = [&] { fs::remove_all(world.repository()); };
    lose();
    world.push("between");
    const std::string second = world.push("two");
    CHECK(world.fetch().revision == second);
    lose();
    CHECK(world.fetch().revision == second);
    lose();
    world.server("git commit -q --amend -m rewritten");
    const Error error = world.failure();
    // A repository on this machine still holds what the branch has left.
    CHECK(error.code == (is_local ? "repository.branch_rewritten" : "repository.past_unknown"));
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find(second) != std::string::npos);
    CHECK((error.advice.find(".followed.json") != std::string::npos) == !is_local);
    fs::remove(world.repository().string() + ".followed.json");
    CHECK(world.fetch().revision == world.server("git rev-parse HEAD"));
}

TEST_CASE("a tag of the name that is asked for leads to its commit") {
    World world;
    world.set_places({world.request.name_url});
    world.server("git tag -a -m release v1.0; echo two > manifests/site.pp; git commit -q -a -m two");
    const std::string pinned = world.request.revision;
    world.request.revision = "v1.0";
    CHECK(world.fetch().revision == pinned);
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

TEST_CASE("a name is followed only where who answers is proven, or the image insists") {
    constexpr const char* plain = "http://a.example.com:8080/puppet.git";
    World world;
    world.request.revision = "main";
    world.set_places({plain, "git://b.example.com/puppet.git"});
    world.downloads.serve(plain, world.good());
    world.downloads.serve(b, world.good());
    const Error error = world.failure();
    CHECK(error.code == "repository.insecure");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find(plain) != std::string::npos);
    CHECK(world.downloads.requests.empty());
    const std::string way = GENERATE("the next place", "host", "host and port", "another host", "a pin");
    CAPTURE(way);
    if (way == "the next place") world.set_places({plain, b});
    if (way == "host") world.request.settings.insecure = {"c.example.com", "a.example.com"};
    if (way == "host and port") world.request.settings.insecure = {"a.example.com:8080"};
    if (way == "another host") world.request.settings.insecure = {"a.example.com:80", "example.com", "b.example.com:1"};
    if (way == "a pin") world.request.revision = world.server("git rev-parse main");
    if (way == "another host") {
        CHECK(world.failure().code == "repository.insecure");
        return;
    }
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("a name is followed over anything where its commit must be signed") {
    World world;
    world.request.revision = "main";
    world.set_places({"http://a.example.com/puppet.git"});
    world.downloads.serve("http://a.example.com/puppet.git", world.good());
    world.request.settings.verify = AgentConfig::Repository::Verify::commit;
    CHECK(world.failure().code == "repository.signature_missing");
}

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
