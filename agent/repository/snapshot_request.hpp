#pragma once

#include "agent/repository/fetch_request.hpp"
#include "common/documents/json.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// What `bootwright snapshot` asks of the child; handed over on its standard input, since URLs may hold passwords.
struct SnapshotRequest {
    /// Folders to work in, settings and revision: a full commit id or a name; to look into a file, may be empty.
    FetchRequest fetch;
    std::filesystem::path look_into{};  ///< a snapshot; empty: one is made
    std::string repository{};           ///< to make one of: a folder, or a URL
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
    std::vector<Module> missing{};    ///< modules that are to be fetched from where they are
    std::vector<std::string> tags{};  ///< the names of annotated tags that lead to the revision
    std::uint64_t files = 0;          ///< of a checkout, and their size in bytes
    std::uint64_t bytes = 0;
};

Json to_json(const SnapshotRequest& request);
/// @throws std::exception if `json` was not made by to_json
SnapshotRequest snapshot_request_from_json(const Json& json);

Json to_json(const Snapshot& snapshot);

}  // namespace bootwright
