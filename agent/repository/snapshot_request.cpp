// What goes between the command and its child: in a file of its own, so that the command does not load libgit2.

#include "agent/repository/snapshot_request.hpp"

namespace bootwright {

namespace {

Json modules_to_json(const std::vector<Snapshot::Module>& modules) {
    Json list = Json::array();
    for (const Snapshot::Module& module : modules) {
        list.push_back({{"path", module.path}, {"commit", module.commit}});
    }
    return list;
}

}  // namespace

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

Json to_json(const Snapshot& snapshot) {
    return {{"revision", snapshot.revision},
            {"file", snapshot.file.string()},
            {"modules", modules_to_json(snapshot.modules)},
            {"missing", modules_to_json(snapshot.missing)},
            {"tags", snapshot.tags},
            {"files", snapshot.files},
            {"bytes", snapshot.bytes}};
}

}  // namespace bootwright
