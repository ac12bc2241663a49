// What goes between the command and its child: in a file of its own, so that the command does not load libgit2.

#include "agent/repository/fetch/snapshot.hpp"

namespace bootwright {

namespace {

Json modules_to_json(const std::vector<Snapshot::Module>& modules) {
    Json list = Json::array();
    for (const Snapshot::Module& module : modules) {
        list.push_back({{"path", module.path}, {"commit", module.commit}});
    }
    return list;
}

std::vector<Snapshot::Module> modules_from_json(const Json& list) {
    std::vector<Snapshot::Module> modules;
    for (const Json& module : list) {
        modules.push_back({module.at("path"), module.at("commit")});
    }
    return modules;
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

Snapshot snapshot_from_json(const Json& json) {
    return {.revision = json.at("revision"),
            .file = json.at("file").get<std::string>(),
            .modules = modules_from_json(json.at("modules")),
            .missing = modules_from_json(json.at("missing")),
            .tags = json.at("tags").get<std::vector<std::string>>(),
            .files = json.at("files"),
            .bytes = json.at("bytes")};
}

}  // namespace bootwright
