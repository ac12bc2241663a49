// What goes between the command and its child. It has a file of its own, so that the command does not load libgit2.

#include "agent/repository/snapshot_request.hpp"

namespace bootwright {

// Only written so: read_fetch_event() reads it, and believes less.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Snapshot::Module, path, commit)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Snapshot, revision, file, modules, missing, tags, files, bytes)

// By hand, since only FetchRequest's own file knows its JSON.
Json to_json(const SnapshotRequest& request) {
    Json json = to_json(request.fetch);
    json["snapshot"] = {{"look_into", request.look_into.string()},
                        {"repository", request.repository},
                        {"output", request.output.string()}};
    return json;
}

SnapshotRequest snapshot_request_from_json(const Json& json) {
    const Json& own = json.at("snapshot");
    return {.fetch = fetch_request_from_json(json),
            .look_into = own.at("look_into").get<std::string>(),
            .repository = own.at("repository"),
            .output = own.at("output").get<std::string>()};
}

Json to_json(const Snapshot& snapshot) { return snapshot; }

}  // namespace bootwright
