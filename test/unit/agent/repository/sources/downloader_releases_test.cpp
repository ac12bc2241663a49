#include "agent/repository/sources/downloader.hpp"
#include "agent/servers/released_files.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/downloader_world.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <unistd.h>

#include <vector>

using namespace bootwright;
using namespace bootwright::downloader_tests;
namespace fs = std::filesystem;

namespace {

const std::string sha256(64, 'a');

/// Three releases of one server.
struct Forge : World {
    static PlacedRelease release(const std::string& name) {
        const Url url = "https://forge.example.com/" + name + ".tar.gz";
        return {url, {url, sha256, name}};
    }
    static std::string files_of(const std::string& name) { return frame_of({"name", false, name}); }

    const std::vector<PlacedRelease> wanted{release("a"), release("b"), release("c")};
    const GitLibrary library{};
    const GitRepository repository = GitRepository::open_or_create(root.path() / "modules.git");
    Downloader downloader{request, downloads, no_progress};

    /// The program does this in its folder, and says these lines before its end.
    void program(const std::vector<Json>& events, std::function<void(const fs::path& folder)> work) {
        downloads.serve(wanted.front().place.for_transfer(), [=](const DownloadRequest& asked) -> Script {
            Script script;
            for (const Json& event : events) {
                script.lines.push_back(to_line(event));
            }
            script.lines.push_back(to_line({{"releases", Json::object()}}));
            script.work = [=, folder = asked.folder](const ProcessRequest&) { work(folder); };
            return script;
        });
    }
    /// What fetch_release() says of the first one, once the program has said that it is there.
    Error error_of_first() {
        Error error = permanent_error("it.worked", "", "");
        downloader.fetch_ahead(wanted, [&](std::size_t number) {
            error = error_of(
                [&] { return downloader.fetch_release(repository, wanted[number].place, wanted[number].release); });
        });
        return error;
    }
};

}  // namespace

TEST_CASE("one program fetches many releases, and each is taken once it is there") {
    Forge forge;
    forge.program({{{"received", 5}}, {{"release", 0}}, {{"received", 9}}, {{"release", 2}}},
                  [](const fs::path& folder) {
                      write_file(folder / "download.files.0", Forge::files_of("a"), 0644);
                      write_file(folder / "download.files.2", Forge::files_of("c"), 0644);
                  });
    std::vector<std::size_t> arrived;
    forge.downloader.fetch_ahead(forge.wanted, [&](std::size_t number) {
        arrived.push_back(number);
        const auto& [place, release] = forge.wanted[number];
        const auto taken = forge.downloader.fetch_release(forge.repository, place, release);
        CHECK(taken.sha256 == sha256);
        CHECK(forge.repository.read_file_of(taken.commit, "name", 10) == release.message);
    });
    CHECK(arrived == std::vector<std::size_t>{0, 2});
    REQUIRE(forge.downloads.requests.size() == 1);
    const DownloadRequest& asked = forge.asked();
    CHECK(asked.kind == DownloadRequest::Kind::releases);
    REQUIRE(asked.archives.size() == 3);
    CHECK(asked.archives[1].web.url == "https://forge.example.com/b.tar.gz");
    CHECK(asked.archives[1].sha256 == sha256);
    CHECK(asked.archives[1].web.follow_redirects);
    CHECK(asked.archives[1].web.max_bytes == std::size_t{64} << 20U);
    CHECK(fs::is_empty(forge.request.downloads));

    const auto& [place, release] = forge.wanted[0];  // it came, and is gone: only what arrives now is taken
    CHECK(error_of([&] { return forge.downloader.fetch_release(forge.repository, place, release); }).code ==
          "repository.fetch_crashed");
    CHECK(forge.asked().kind == DownloadRequest::Kind::file);
}

TEST_CASE("a release that did not come is asked for alone") {
    Forge forge;
    forge.program({{{"release", 0}}}, [](const fs::path&) {});
    forge.downloads.serve(forge.wanted[1].place.for_transfer(),
                          fails_with(permanent_error("server.refused", "no", "x")));
    std::string code;
    forge.downloader.fetch_ahead(forge.wanted, [&](std::size_t) {});
    const auto& [place, release] = forge.wanted[1];
    CHECK(error_of([&] { return forge.downloader.fetch_release(forge.repository, place, release); }).code ==
          "server.refused");
}

TEST_CASE("a release that the program says is there, and that is not, is refused") {
    const auto work = GENERATE(values<void (*)(const fs::path&)>({
        [](const fs::path&) {},
        [](const fs::path& folder) { fs::create_directory(folder / "download.files.0"); },
        [](const fs::path& folder) { fs::create_symlink("/etc/passwd", folder / "download.files.0"); },
        [](const fs::path& folder) { write_file(folder / "download.files.0", "100644 5 name\0ab", 0644); },
    }));
    Forge forge;
    forge.program({{{"release", 0}}}, work);
    CHECK(forge.error_of_first().code == "repository.fetch_crashed");
    CHECK(fs::is_empty(forge.request.downloads));
}

TEST_CASE("a release beyond those that were asked for is none") {
    Forge forge;
    forge.program({{{"release", 3}}}, [](const fs::path&) {});
    CHECK(forge.error_of_first().code == "it.worked");
}

TEST_CASE("the releases of a server are asked for with what opens that server") {
    Forge forge;
    forge.request.credentials = {
        {.credential = {.host = "forge.example.com", .user = "me", .password = SecretSource{}}, .password = "hunter2"}};
    forge.program({}, [](const fs::path&) {});
    forge.downloader.fetch_ahead(forge.wanted, [](std::size_t) {});
    for (const WantedArchive& archive : forge.asked().archives) {
        CHECK(archive.web.user == "me");
        CHECK(archive.web.password == "hunter2");
    }
}
