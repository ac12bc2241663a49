#pragma once

#include "common/base/error.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_program.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace bootwright::downloader_tests {

inline constexpr const char* https_url = "https://git.example.com/puppet.git";

using Script = FakeProcesses::Script;

/// A control repository at one place of the network.
struct World : FetchWorld {
    explicit World(const std::string& url = https_url) {
        request.name_url = url;
        set_places({url});
        downloads.serve(url, git_server(root.path() / "server"));
    }
    void answer(const FakeDownloads::Server& server) { downloads.serve(request.places[0].for_transfer(), server); }
    [[nodiscard]] Json git_answer() const {
        return {{"git", to_json(GitAnswer{.commit = request.revision, .has_pack = true})}};
    }
    [[nodiscard]] const DownloadRequest& asked() const { return downloads.requests.back(); }
    /// The one folder of the transfer that is under way.
    [[nodiscard]] std::filesystem::path pack() const {
        return std::filesystem::directory_iterator(request.downloads)->path() / "download";
    }
    [[nodiscard]] std::string good_pack() const { return pack_of(root.path() / "server", {request.revision}); }
    /// What the program does beside what it says.
    Error failure_where(std::function<void()> work) {
        const std::size_t size = good_pack().size();
        answer([=, this](const DownloadRequest& download) {
            Script script = gives(download, "", git_answer());
            script.lines = {to_line({{"received", size}}), to_line(git_answer())};
            script.work = [=](const ProcessRequest&) { work(); };
            return script;
        });
        return failure();
    }
};

}  // namespace bootwright::downloader_tests
