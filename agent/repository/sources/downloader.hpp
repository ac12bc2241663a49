#pragma once

#include "agent/repository/fetch_request.hpp"
#include "agent/servers/event.hpp"
#include "agent/servers/folder.hpp"
#include "agent/servers/request.hpp"
#include "common/files/file.hpp"
#include "common/git/bundle.hpp"
#include "common/git/git.hpp"
#include "common/net/url.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// A release of the Forge: its archive is at its own URL, and at mirrors, where it is called by its SHA-256.
struct ReleaseArchive {
    Url url;
    std::string sha256;   ///< "": that of whatever comes
    std::string message;  ///< of the commit that wraps its files
};

/// A release, and the place that is asked for it.
struct PlacedRelease {
    Url place;
    ReleaseArchive release;
};

/// Has the unprivileged program speak to servers, and takes from it what can be proven: packs, whose objects are hashed
/// on the way into the repository. Each transfer uses a fresh folder, which holds nothing else.
class Downloader {
public:
    Downloader(const FetchRequest& request, ProcessRunner& processes, GitProgress progress);

    /// Ends what is not done by then: repository.timeout (transient). Without it nothing ends a server that always has
    /// something to say.
    void give_up_at(std::chrono::steady_clock::time_point moment) { end_ = moment; }

    /// The same for what takes longer from now on; and a larger pack of a git server is git.pack_too_large.
    void take_at_most(std::chrono::milliseconds time, std::uint64_t bytes);

    /// A pack from a git server at `url`, into the repository. @throws Error repository.*, io.*
    GitAnswer fetch(const GitRepository& repository, const Url& url, const GitWish& wish);

    /// Fetches a snapshot of the revision from `place` into the repository. Resumes an interrupted download.
    BundleHeader fetch_snapshot(const GitRepository& repository, const Url& place, const std::string& revision);

    /// A document of a server, of 8 MiB at most. @throws Error repository.release_not_found, server.*
    std::string fetch_document(const Url& url);

    /// What became of a release.
    struct Release {
        std::string commit;  ///< which wraps its files
        std::string sha256;  ///< of its archive
    };
    /// Fetches a release's archive, and makes a commit of its files in the repository.
    /// @param place its own URL, or a mirror
    /// @throws Error repository.release_not_found, repository.release_invalid, archive.invalid, server.*, git.tree_refused
    Release fetch_release(const GitRepository& repository, const Url& place, const ReleaseArchive& release);

    /// Has one program fetch releases, all of one server and with a SHA-256, and calls `arrived` with the number of each
    /// once it is there: until that returns, fetch_release() takes what has come, and nothing else may be fetched. Passes
    /// over what cannot be had: fetch_release() says why. @throws Error server.*, repository.*, io.*
    void fetch_ahead(const std::vector<PlacedRelease>& wanted, const std::function<void(std::size_t number)>& arrived);

    /// Has r10k install what the Puppetfile asks for, and returns the folder with it. Nothing proves the content.
    /// @param program r10k itself
    /// @param credentials as credential_lines() makes them
    /// @throws Error repository.r10k_failed (transient)
    std::filesystem::path install_modules(const std::filesystem::path& program, const std::string& puppetfile,
                                          const std::string& credentials);
    /// Removes what install_modules left.
    void remove_installed() const { remove_tree(request_.r10k); }

private:
    using Heard = std::function<void(const DownloadEvents::Event& event)>;
    /// A release that has come.
    struct Arrived {
        const PlacedRelease& what;
        std::filesystem::path files;
    };

    /// Runs the program, and returns its last event.
    Json run(const DownloadRequest& request, const Heard& heard = {});
    [[nodiscard]] WebRequest request_of(const Url& place, const ReleaseArchive& release) const;
    [[nodiscard]] DownloadRequest request_for(DownloadRequest::Kind kind) const;
    void add_credentials(DownloadRequest& request, const Url& url);
    std::string secret(const SecretSource& source);

    const FetchRequest& request_;
    ProcessRunner& processes_;
    GitProgress progress_;
    WebTrust trust_;
    std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::time_point::max();
    std::uint64_t largest_pack_ = most_pack_bytes;
    const Arrived* arrived_ = nullptr;
};

}  // namespace bootwright
