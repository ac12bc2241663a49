// Branches and tags: where they lead, and which are followed.

#include "agent/repository/sources/mirrors.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/mirrors_world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::mirrors_tests;
namespace fs = std::filesystem;

namespace {

/// The same, but with one place, which follows a branch.
struct BranchWorld : World {
    explicit BranchWorld(bool is_local) {
        set_places({is_local ? request.name_url : a});
        downloads.serve(a, good());
        request.revision = "main";
    }
};

}  // namespace

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
