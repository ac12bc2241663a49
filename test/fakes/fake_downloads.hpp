#pragma once

#include "agent/servers/request.hpp"
#include "common/processes/process.hpp"
#include "test/fakes/fake_processes.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

/// bootwright-download by script, a script for each URL (of several releases: for that of the first); whatever has none cannot be reached. Every other program is the real one.
class FakeDownloads final : public ProcessRunner {
public:
    /// What the program does on a request, and says.
    using Server = std::function<FakeProcesses::Script(const DownloadRequest& request)>;

    std::vector<DownloadRequest> requests{};
    std::vector<ProcessRequest> processes{};  ///< those that asked for downloads

    void serve(const std::string& url, Server server) { servers_[url] = std::move(server); }

    ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) override;

    /// The URLs that were asked, in order.
    [[nodiscard]] std::vector<std::string> asked() const;

private:
    std::map<std::string, Server> servers_;
    SystemProcessRunner others_;
};

/// The program has written a file, and says how it grew and what came of it ({"git": …} or {"snapshot": {}}).
FakeProcesses::Script gives(const DownloadRequest& request, const std::string& bytes, const Json& ending);

/// The program says that this went wrong.
FakeDownloads::Server fails_with(const Error& error);

/// A short answer of a web server.
FakeDownloads::Server answers(int status, const std::string& body);

/// A git server with what the repository at `folder` has: the commit alone, or with its history where that is wished for.
FakeDownloads::Server git_server(const std::filesystem::path& folder);

/// A static server with a snapshot of the commit and the objects after it, made of the repository at `folder`.
/// @param refs of the bundle, an object id and a name each; the first is the commit
FakeDownloads::Server snapshot_server(const std::filesystem::path& folder,
                                      const std::vector<std::pair<std::string, std::string>>& refs);

/// The commits (or tags) with their trees and without their history, as one pack.
std::string pack_of(const std::filesystem::path& folder, const std::vector<std::string>& ids);

}  // namespace bootwright
