#include "agent/repository/fetch/snapshot.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_processes.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

/// A control repository with a submodule, both with history, and a clone of it with all its modules. No server is asked.
struct World {
    TemporaryRoot root{};
    std::string revision;
    std::string module;
    FakeProcesses processes{};

    World() {
        root.make_folder("/servers");
        const std::string commit = "git add -A; git commit -q -m x; ";
        module = shell_with_git(servers(), "git init -q -b main module; cd module; echo a > a; " + commit +
                                               "echo b > a; " + commit + "git rev-parse HEAD");
        revision = shell_with_git(
            servers(), "git init -q -b main control; cd control; echo a > a; " + commit +
                           "git -c protocol.file.allow=always submodule --quiet add ../module modules/m 2>/dev/null; " +
                           commit + "git tag -a -m v1 v1; git rev-parse HEAD");
        shell_with_git(root.path(), "git -c protocol.file.allow=always clone -q --recursive servers/control clone");
        shell_with_git(root.path(), "mv servers gone");
    }

    [[nodiscard]] fs::path servers() const { return root.path() / "servers"; }

    [[nodiscard]] SnapshotRequest request() const {
        SnapshotRequest request{.repository = (root.path() / "clone").string(), .output = root.path()};
        request.fetch.repositories = root.path() / "work/repository";
        request.fetch.downloads = root.path() / "work/download";
        request.fetch.revision = "HEAD";
        request.fetch.settings.seed.clear();
        request.fetch.settings.allow_rewritten_branches = true;
        return request;
    }
    Snapshot take(const SnapshotRequest& request) {
        remove_tree(root.path() / "work");
        const FetchEvents silent{no_progress, [](const PlaceAnswer&) {}};
        return take_snapshot(snapshot_request_from_json(to_json(request)), processes, silent);
    }
    Snapshot look_into(const fs::path& file, const std::string& wanted = "") {
        SnapshotRequest looking = request();
        looking.look_into = file;
        looking.fetch.revision = wanted;
        return take(looking);
    }
};

}  // namespace

TEST_CASE("a snapshot of a checkout holds its modules and tags, and is complete where it is looked into") {
    World world;
    const Snapshot made = world.take(world.request());
    CHECK(made.file == world.root.path() / (world.revision + ".bundle"));
    CHECK(world.processes.requests.empty());

    const Snapshot found = world.look_into(made.file);
    CHECK(found.revision == world.revision);
    CHECK(found.tags == std::vector<std::string>{"v1"});
    REQUIRE(found.modules.size() == 1);
    CHECK(found.modules[0].path == "modules/m");
    CHECK(found.modules[0].commit == world.module);
    CHECK(found.missing.empty());
    CHECK(found.files == made.files);
}

TEST_CASE("who makes a snapshot is told what to write, and not what to write into user-data") {
    World world;
    SnapshotRequest request = world.request();
    request.fetch.revision = "no-such-branch";
    const Error unknown = error_of([&] { return world.take(request); });
    CHECK(unknown.code == "git.revision_not_found");
    CHECK(unknown.advice.find("git rev-parse") != std::string::npos);
    request.repository = (world.root.path() / "nowhere").string();
    const Error nowhere = error_of([&] { return world.take(request); });
    CHECK(nowhere.code == "git.no_repository");
    CHECK(nowhere.advice.find("--repository") != std::string::npos);
}

TEST_CASE("who makes a snapshot is told which line names a module that is gone") {
    World world;
    remove_tree(world.root.path() / "clone/modules/m");
    const Error gone = error_of([&] { return world.take(world.request()); });
    CHECK(gone.code == "git.no_repository");
    CHECK(gone.message.find("modules/m (.gitmodules, line 3)") != std::string::npos);
    CHECK(gone.advice.find(".gitmodules, line 3") != std::string::npos);
    CHECK(gone.advice.find("--repository") == std::string::npos);
}

TEST_CASE("the same revision makes the same file") {
    World world;
    const std::string first = read_file(world.take(world.request()).file, 1U << 20U);
    CHECK(read_file(world.take(world.request()).file, 1U << 20U) == first);
}

TEST_CASE("a module that a snapshot lacks is named") {
    World world;
    shell_with_git(world.root.path() / "clone", "git bundle create -q ../some.bundle main");
    const Snapshot found = world.look_into(world.root.path() / "some.bundle", world.revision);
    CHECK(found.modules.empty());
    REQUIRE(found.missing.size() == 1);
    CHECK(found.missing[0].commit == world.module);
}

TEST_CASE("what is no whole snapshot of the revision is refused") {
    World world;
    const fs::path file = world.take(world.request()).file;
    const std::string whole = read_file(file, 1U << 20U);
    const auto is_refused = [&] {
        return error_of([&] { return world.look_into(file); }).code == "git.snapshot_invalid";
    };
    for (const std::string& wrong : {whole.substr(0, whole.size() - 1), whole.substr(0, 30), std::string("<html>")}) {
        write_file(file, wrong, 0600);
        CHECK(is_refused());
    }
    shell_with_git(world.root.path() / "clone", "git bundle create -q '" + file.string() + "' main~1..main");
    CHECK(is_refused());
}

TEST_CASE("a snapshot of another revision is told from the right one") {
    World world;
    const fs::path file = world.take(world.request()).file;
    const Error error = error_of([&] { return world.look_into(file, std::string(40, '0')); });
    CHECK(error.code == "git.revision_not_found");
    CHECK(error.message.find(world.revision) != std::string::npos);
}
