#include "agent/repository/sources/downloader.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/downloader_world.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <utility>
#include <vector>

using namespace bootwright;
using namespace bootwright::downloader_tests;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using End = ProcessResult::End;

}  // namespace

TEST_CASE("the program is asked on its standard input, in its own folder, with what the image says") {
    World world;
    world.root.write("/ca.pem", "the CA");
    world.root.write("/certificate.pem", "the certificate");
    world.root.write("/key.pem", "the key", 0600);
    auto& settings = world.request.settings;
    settings.ca_file = world.root.path() / "ca.pem";
    settings.client_certificate = world.root.path() / "certificate.pem";
    settings.client_key = world.root.path() / "key.pem";
    settings.proxy = "http://u:hunter2@proxy:3128";
    settings.no_proxy = "a,b";
    settings.stall = 7s;
    settings.least_rate = 99;
    world.fetch();
    const DownloadRequest& asked = world.asked();
    CHECK(asked.kind == DownloadRequest::Kind::git);
    CHECK(asked.url == https_url);
    CHECK(asked.wish.revision == world.request.revision);
    CHECK(asked.folder.parent_path() == world.request.downloads);
    CHECK(asked.trust.ca_pem == "the CA");
    CHECK(asked.trust.client_certificate == "the certificate");
    CHECK(asked.trust.client_key == "the key");
    CHECK(asked.trust.proxy == settings.proxy);
    CHECK(asked.trust.no_proxy == "a,b");
    CHECK(asked.patience.stall == 7s);
    CHECK(asked.least_rate == 99);
    CHECK(world.root.mode("/state/download") == 0700);
    const ProcessRequest& process = world.downloads.processes.back();
    CHECK(process.arguments == std::vector<std::string>{"/usr/lib/bootwright/bootwright-download"});
    CHECK(process.silence > 7s);
    for (const auto& [name, value] : process.environment) {
        CHECK((name == "PATH" || name == "LC_ALL" || name == "GNUTLS_NO_IMPLICIT_INIT"));
    }
}

TEST_CASE("nothing that was downloaded is left behind") {
    World world;
    world.root.write("/state/download/old", "x");
    world.root.write("/state/download/killed/ssh_key", "x");
    world.fetch();
    CHECK(fs::is_empty(world.request.downloads));
}

TEST_CASE("each transfer has a folder of its own, in which there is nothing of another") {
    World world;
    world.set_places({https_url, "https://b.example.com/puppet.git"});
    std::vector<fs::path> folders;
    for (const Url& place : world.request.places) {
        world.downloads.serve(place.for_transfer(), [&](const DownloadRequest& request) {
            CHECK(fs::is_empty(request.folder));
            struct stat status {};
            CHECK(stat(request.folder.c_str(), &status) == 0);
            CHECK((status.st_mode & 07777U) == 0700);
            folders.push_back(request.folder);
            write_file(request.folder / "ssh_key", "of this transfer only", 0600);
            return fails_with(transient_error("server.unreachable", "no", "x"))(request);
        });
    }
    world.failure();
    REQUIRE(folders.size() == 2);
    CHECK(folders[0] != folders[1]);
    CHECK(fs::is_empty(world.request.downloads));
}

TEST_CASE("the program ends with all that it has started") {
    World world;
    world.fetch();
    CHECK(world.downloads.processes.back().ends_family);
}

TEST_CASE("what stands in the pack's place and is no plain file is refused, and never waited for") {
    World world;
    world.root.write("/precious", world.good_pack());
    SECTION("a link") {
        const Error error =
            world.failure_where([&] { fs::create_symlink(world.root.path() / "precious", world.pack()); });
        CHECK(error.code == "repository.fetch_crashed");  // and no fault of this machine's disk
    }
    SECTION("a pipe") {
        const Error error = world.failure_where([&] { mkfifo(world.pack().c_str(), 0600); });
        CHECK(error.code == "repository.fetch_crashed");
    }
    SECTION("a folder") {
        const Error error = world.failure_where([&] { fs::create_directory(world.pack()); });
        CHECK(error.code == "repository.fetch_crashed");
    }
    SECTION("nothing") {
        CHECK(world.failure_where([] {}).code == "repository.fetch_crashed");
    }
    CHECK(world.checkouts().empty());
    CHECK(world.root.exists("/precious"));
}

TEST_CASE("a pack that is shorter than the program says, or damaged, is found out") {
    World world;
    const std::string pack = world.good_pack();
    std::string flipped = pack;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    const std::string bytes =
        GENERATE_COPY(values<std::string>({pack.substr(0, pack.size() - 1), flipped, "PACK", ""}));
    const Error error = world.failure_where([&] { write_file(world.pack(), bytes, 0600); });
    CHECK((error.code == "git.pack_damaged" || error.code == "repository.incomplete"));
    CHECK(error.kind == ErrorKind::transient);
    CHECK(world.checkouts().empty());
}

TEST_CASE("a program that says there is no pack, where there must be one, has given nothing") {
    World world;
    world.answer([&](const DownloadRequest&) -> Script {
        return {.lines = {to_line({{"git", to_json(GitAnswer{.commit = world.request.revision})}})}};
    });
    CHECK(world.failure().code == "repository.incomplete");
}

TEST_CASE("a program that ends without an answer is told with how it ended, and its last words") {
    struct Row {
        ProcessResult result;
        const char* how;
    };
    const Row row = GENERATE(values<Row>({
        {{.end = End::exited, .exit_code = 0}, "ended with status 0"},
        {{.end = End::exited, .exit_code = 127}, "ended with status 127"},
        {{.end = End::killed_by_signal, .signal = 31}, "killed by signal 31"},
        {{.end = End::silent}, "said nothing for too long"},
    }));
    World world;
    world.answer([&](const DownloadRequest&) -> Script {
        return {.result = row.result,
                .lines = {to_line({{"unconfined", {"no Landlock in this kernel"}}})},
                .error_lines = {"first", "out of\tmemory"}};
    });
    const Error error = world.failure();
    CAPTURE(error.message);
    CHECK(error.code == "repository.fetch_crashed");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find(row.how) != std::string::npos);
    CHECK(error.message.find("memory") != std::string::npos);
}

TEST_CASE("a program whose time is up is told as too slow a place, and the next one is asked") {
    World world;
    world.answer([](const DownloadRequest&) -> Script { return {.result = {.end = End::timed_out}}; });
    const Error error = world.failure();
    CHECK(error.code == "repository.timeout");
    CHECK(error.kind == ErrorKind::transient);
    world.set_places({https_url, world.url_of("server")});
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("a snapshot of a range is refused before its pack is read") {
    World world("https://cdn.example.com/{revision}.bundle");
    const std::string second = world.push("two");
    const std::string first = std::exchange(world.request.revision, second);
    world.downloads.serve("https://cdn.example.com/" + second + ".bundle", [&](const DownloadRequest& request) {
        return gives(request, "# v2 git bundle\n-" + first + " one\n" + second + " refs/x\n\nPACK",
                     {{"snapshot", Json::object()}});
    });
    const Error error = world.failure();
    CHECK(error.code == "git.snapshot_invalid");
    CHECK(error.message.find("leans on commit " + first) != std::string::npos);
}

TEST_CASE("an answer counts only from a program that came to its end") {
    World world;
    world.answer([&](const DownloadRequest& request) {
        Script script = gives(request, world.good_pack(), world.git_answer());
        script.result = {.end = End::killed_by_signal, .signal = 9};
        return script;
    });
    CHECK(world.failure().code == "repository.fetch_crashed");
}

TEST_CASE("an answer that makes no sense is an error, and no crash") {
    const Json answer = GENERATE(Json{{"unknown", 1}}, Json{{"git", 7}}, Json{{"git", Json::object()}},
                                 Json{{"snapshot", Json::object()}}, Json{{"git", {{"commit", 7}}}});
    CAPTURE(to_line(answer));
    World world;
    world.answer([&](const DownloadRequest&) -> Script { return {.lines = {to_line(answer)}}; });
    world.set_places({https_url, world.url_of("server")});
    CHECK_NOTHROW(world.fetch());  // the next place has it
    CHECK(world.heard.at(0).said.find("repository.fetch_crashed") != std::string::npos);
}

TEST_CASE("what came of a snapshot that broke off is kept for the next time, and what is of no use is not") {
    World world("https://cdn.example.com/{revision}.bundle");
    const std::string url = "https://cdn.example.com/" + world.request.revision + ".bundle";
    const auto kept = [&] {
        const fs::path partials = world.request.downloads / "partial";
        return fs::exists(partials) && !fs::is_empty(partials);
    };
    const auto bundle = snapshot_server(world.root.path() / "server", {{world.request.revision, "refs/x"}});
    world.downloads.serve(url, [&](const DownloadRequest& request) {
        Script script = bundle(request);
        script.lines = {to_line({{"received", 10}}),
                        to_line({{"error", to_json(transient_error("server.unreachable", "it broke off", "x"))}})};
        write_file(request.folder / "download.etag", "\"one\"", 0600);
        return script;
    });
    CHECK(world.failure().code == "server.unreachable");
    CHECK(kept());
    std::string came;
    world.downloads.serve(url, [&](const DownloadRequest& request) {
        came = read_file(request.folder / "download", 1U << 20U);
        CHECK(read_file(request.folder / "download.etag", 100) == "\"one\"");
        return gives(request, "no bundle at all\n", {{"snapshot", Json::object()}});
    });
    CHECK(world.failure().code == "git.snapshot_invalid");
    CHECK(came.starts_with("# v2 git bundle\n"));
    CHECK_FALSE(kept());
    world.downloads.serve(url, [&](const DownloadRequest& request) {
        CHECK(fs::is_empty(request.folder));
        return gives(request, "# v2 git bundle\n", {{"snapshot", Json::object()}});
    });
    CHECK(world.failure().code == "git.snapshot_invalid");
    world.downloads.serve(url, bundle);
    world.fetch();
    CHECK(fs::is_empty(world.request.downloads));
}

TEST_CASE("what r10k installs stands in a folder of its user, which that user reaches, and goes after a failure") {
    World world;
    world.request.r10k = world.root.path("/cache/bootwright/r10k");
    make_folder(world.request.r10k.parent_path(), 0700);
    Downloader downloader(world.request, world.downloads, [](std::string_view, std::uint64_t, std::uint64_t) {});
    const auto installed = [&] { return downloader.install_modules("/usr/bin/r10k", "forge 'x'", ""); };
    world.downloads.serve("", [&](const DownloadRequest& asked) {
        CHECK(asked.program == "/usr/bin/r10k");
        CHECK(asked.puppetfile == "forge 'x'");
        CHECK(asked.folder == world.request.r10k);
        CHECK(world.root.mode("/cache/bootwright") == 0755);
        CHECK(world.root.mode("/cache/bootwright/r10k") == 0700);
        return gives(asked, "", {{"r10k", Json::object()}});
    });
    CHECK(installed().parent_path() == world.request.r10k);
    world.downloads.serve("", fails_with(transient_error("repository.r10k_failed", "no", "x")));
    CHECK(error_of(installed).code == "repository.r10k_failed");
    CHECK_FALSE(world.root.exists("/cache/bootwright/r10k"));
}
