#pragma once

#include "agent/repository/fetch_request.hpp"
#include "agent/repository/sources/mirrors.hpp"
#include "common/documents/json.hpp"
#include "common/processes/process.hpp"

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
/// @throws nlohmann::json::exception if `json` was not made by to_json
SnapshotRequest snapshot_request_from_json(const Json& json);

Json to_json(const Snapshot& snapshot);
Snapshot snapshot_from_json(const Json& json);

/// Writes REVISION.bundle: the commit with its tree, its modules with theirs, and the annotated tags that lead to it. Or looks
/// into one: every object is hashed, and the revision must be complete. Runs in the child.
/// @throws Error repository.*, io.*
Snapshot take_snapshot(const SnapshotRequest& request, ProcessRunner& processes, const FetchEvents& events);

}  // namespace bootwright
