#pragma once

#include "agent/repository/checkout.hpp"
#include "common/git.hpp"
#include "common/json.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// What the agent asks of the child that fetches; handed over on its standard input, since the URL may hold a secret.
struct FetchRequest {
    std::filesystem::path repository;  ///< the bare repository
    std::filesystem::path checkouts;   ///< the folder that holds the checkouts
    std::string url;
    std::string revision;
    std::filesystem::path ca_file{};
    std::filesystem::path ssh_key{};
    std::filesystem::path known_hosts{};
    int silence_ms = 30000;
    int keep = 3;                        ///< so many checkouts stay on disk, the new one included
    std::vector<std::string> protect{};  ///< revisions that are never removed
};

Json to_json(const FetchRequest& request);
/// @throws nlohmann::json::exception if `json` was not made by to_json
FetchRequest fetch_request_from_json(const Json& json);

/// Brings the revision to disk: into the repository, unless it is there, then into a checkout of its own, unless one is
/// there and is proven equal. A damaged repository is set aside (NAME.git.damaged) and fetched afresh.
/// Runs in the child: libgit2 may hang or crash, and the parent survives that.
/// @throws Error repository.*, io.*
Checkout fetch_checkout(const FetchRequest& request, const GitProgress& progress);

/// The whole child: reads the request from standard input and writes events to standard output, a JSON object a line:
/// {"progress": {what, done, total}}, and at the end {"checkout": {revision, folder}} or {"error": ERROR}.
/// Returns the exit status.
int run_fetch_child();

}  // namespace bootwright
