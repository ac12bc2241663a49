#include "agent/role/shown_role.hpp"

#include "common/base/retry.hpp"
#include "common/base/text.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace bootwright {

Redactor secrets_of(const RoleConfig& role) {
    Redactor redactor;
    redactor.add_values(role.data);
    std::vector<Url> places{role.repository.url, role.configuration.url};
    for (const auto& mirrors : {role.repository.mirrors, role.configuration.mirrors}) {
        places.insert(places.end(), mirrors.begin(), mirrors.end());
    }
    for (const HealthCheck& check : role.health.checks) {
        places.push_back(check.url);
    }
    for (const Url& place : places) {
        if (place.scheme() != "ssh") {  // whose user is no secret, and may be any word
            redactor.add_url(place);
        }
    }
    for (const auto& [kind, receiver] : role.announce.receivers) {
        if (!receiver.url.empty()) {
            redactor.add_url(receiver.url);
            redactor.add(receiver.url.host() +
                         receiver.url.path());  // not the path alone, which may be an innocent word
        }
    }
    return redactor;
}

Json to_json(const RoleConfig& role) {
    const auto duration = [](const std::optional<std::chrono::milliseconds>& value) {
        return value ? Json(to_human(*value)) : Json();
    };
    const auto places = [](const auto& pinned) {
        Json mirrors = Json::array();
        for (const Url& mirror : pinned.mirrors) {
            mirrors.push_back(mirror.shown());
        }
        return Json{{"url", pinned.url.shown()}, {"mirrors", mirrors}, {"revision", pinned.revision}};
    };
    Json config{
        {"role", role.role},
        {"classes", role.classes},
        {"facts", role.facts},
        {"data", role.data},
        {"repository", places(role.repository)},
        {"puppet",
         {{"noop", role.noop},
          {"timeout", duration(role.puppet_timeout)},
          {"on_failure", role.on_failure == RoleConfig::OnFailure::stay ? "stay" : "last_good"}}},
        {"schedule", {{"interval", duration(role.interval)}, {"splay", to_human(role.splay)}}},
    };
    Json checks = Json::array();
    for (const HealthCheck& check : role.health.checks) {
        checks.push_back(check.name);
    }
    config["health"] = {{"timeout", to_human(role.health.timeout)}, {"checks", std::move(checks)}};
    config["announce"] = {{"failure_after", to_human(role.announce.failure_after)}};
    for (const ReceiverKind* kind : Registered<ReceiverKind>::all()) {
        const auto receiver = role.announce.receivers.find(std::string(kind->key));
        config["announce"][std::string(kind->key)] =
            receiver == role.announce.receivers.end() ? "" : receiver->second.name;
    }
    config["repository"]["environment"] = role.repository.environment;
    if (!role.configuration.url.empty()) {
        config["configuration"] = places(role.configuration);
        config["configuration"]["path"] = role.configuration.path;
    }
    return {{"config", std::move(config)}, {"origins", role.origins}};
}

}  // namespace bootwright
