#pragma once

#include "agent/repository/fetch_request.hpp"
#include "common/documents/json.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// What `bootwright snapshot` asks of the child. It goes to the child's standard input, since URLs may hold passwords.
struct SnapshotRequest {
    /// Folders to work in, settings and revision: a full commit id or a name; may be empty to look into a file.
    FetchRequest fetch;
    std::filesystem::path look_into{};  ///< a snapshot to look into; empty: one is made
    std::string repository{};           ///< what to make one from: a folder, or a URL
    std::filesystem::path output{};     ///< the folder that it is written to
};

/// What a snapshot holds.
struct Snapshot {
    struct Module {
        std::string path;
        std::string commit;
    };
    std::string revision;
    std::filesystem::path file;
    std::vector<Module> modules{};
    std::vector<Module> missing{};    ///< modules that must be fetched from their own places
    std::vector<std::string> tags{};  ///< the names of annotated tags that lead to the revision
    std::uint64_t files = 0;          ///< of a checkout, and their size in bytes
    std::uint64_t bytes = 0;
};

Json to_json(const SnapshotRequest& request);
/// @throws std::exception if `json` was not made by to_json
SnapshotRequest snapshot_request_from_json(const Json& json);

Json to_json(const Snapshot& snapshot);

}  // namespace bootwright
