#pragma once

#include "agent/repository/fetch_request.hpp"
#include "agent/servers/folder.hpp"
#include "agent/servers/request.hpp"
#include "common/files/file.hpp"
#include "common/git/bundle.hpp"
#include "common/git/git.hpp"
#include "common/net/url.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// Has the unprivileged program speak to servers, and takes from it what can be proven: packs, whose objects are hashed
/// on the way into the repository. Each transfer uses a fresh folder, which holds nothing else.
class Downloader {
public:
    Downloader(const FetchRequest& request, ProcessRunner& processes, GitProgress progress);

    /// Ends what is not done by then: repository.timeout (transient). Without it nothing ends a server that always has
    /// something to say.
    void give_up_at(std::chrono::steady_clock::time_point moment) { end_ = moment; }

    /// A pack from a git server at `url`, into the repository. @throws Error repository.*, io.*
    GitAnswer fetch(const GitRepository& repository, const Url& url, const GitWish& wish);

    /// Fetches a snapshot of the revision from `place` into the repository. Resumes an interrupted download.
    BundleHeader fetch_snapshot(const GitRepository& repository, const Url& place, const std::string& revision);

    /// A document of a server, of 8 MiB at most. @throws Error repository.release_not_found, server.*
    std::string fetch_document(const Url& url);

    /// A release of the Forge.
    struct Release {
        std::string commit;  ///< which wraps its files
        std::string sha256;  ///< of its archive
    };
    /// Fetches a release's archive, and makes a commit of its files in the repository.
    /// @param sha256 of the archive; "": of whatever comes
    /// @param message of the commit
    /// @throws Error repository.release_not_found, repository.release_invalid, archive.invalid, server.*, git.tree_refused
    Release fetch_release(const GitRepository& repository, const Url& url, const std::string& sha256,
                          const std::string& message);

    /// The same from a mirror, where the archive is called by its SHA-256.
    /// @throws Error as fetch_release
    Release fetch_mirrored_release(const GitRepository& repository, const Url& mirror, const std::string& sha256,
                                   const std::string& message);

    /// Has r10k install what the Puppetfile asks for, and returns the folder with it. Nothing proves the content.
    /// @param program r10k itself
    /// @param credentials as credential_lines() makes them
    /// @throws Error repository.r10k_failed (transient)
    std::filesystem::path install_modules(const std::filesystem::path& program, const std::string& puppetfile,
                                          const std::string& credentials);
    /// Removes what install_modules left.
    void remove_installed() const { remove_tree(request_.r10k); }

private:
    using Received = std::function<void(std::uint64_t bytes)>;

    /// Runs the program, and returns its last event.
    Json run(const DownloadRequest& request, const Received& received);
    DownloadRequest request_for_file(WebRequest web, std::size_t most_bytes);
    Release unpack_release(const GitRepository& repository, DownloadRequest request, const DownloadFolder& folder,
                           const std::string& message);
    [[nodiscard]] DownloadRequest request_for(DownloadRequest::Kind kind) const;
    void add_credentials(DownloadRequest& request, const Url& url);
    std::string secret(const SecretSource& source);

    const FetchRequest& request_;
    ProcessRunner& processes_;
    GitProgress progress_;
    WebTrust trust_;
    std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace bootwright
