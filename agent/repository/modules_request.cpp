// What goes between the command and its child. It has a file of its own, so that the command does not load libgit2.

#include "agent/repository/modules_request.hpp"

#include "common/net/json_types.hpp"

namespace bootwright {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ModuleWish, url, revisions, short_commit, release, sha256)

// By hand, since only FetchRequest's own file knows its JSON.
Json to_json(const ModulesRequest& request) {
    Json json = to_json(request.fetch);
    json["modules"] = request.modules;
    return json;
}

ModulesRequest modules_request_from_json(const Json& json) {
    return {.fetch = fetch_request_from_json(json), .modules = json.at("modules")};
}

Json to_json(const ResolvedModule& module) {
    if (module.problem) {
        return {{"error", to_json(*module.problem)}};
    }
    Json json{{"commit", module.commit}, {"tree", module.tree}};
    if (!module.version.empty()) {
        json.update({{"version", module.version}, {"url", module.url.shown()}, {"sha256", module.sha256}});
    }
    if (module.metadata) {
        json["metadata"] = to_json(*module.metadata);
    }
    return json;
}

}  // namespace bootwright
