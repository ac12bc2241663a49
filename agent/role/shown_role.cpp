#include "agent/role/shown_role.hpp"

#include "agent/role/keys/role_keys.hpp"
#include "common/net/url.hpp"

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
    for (const RoleConfig::Beside& each : role.repositories) {
        places.push_back(each.url);
        places.insert(places.end(), each.mirrors.begin(), each.mirrors.end());
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
    Json config = Json::object();
    for (const RoleKey& key : role_keys()) {
        if (!key.is_part()) {
            config[pointer_to(key.name)] = key.value(role);
        }
    }
    if (role.configuration.url.empty()) {
        config.erase("configuration");
    }
    return {{"config", std::move(config)}, {"origins", role.origins}};
}

}  // namespace bootwright
