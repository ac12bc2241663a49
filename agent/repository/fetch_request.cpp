#include "agent/repository/fetch_request.hpp"

namespace bootwright {

Json to_json(const FetchRequest& request) {
    return {{"repository", request.repository.string()},
            {"checkouts", request.checkouts.string()},
            {"url", request.url},
            {"revision", request.revision},
            {"ca_file", request.ca_file.string()},
            {"ssh_key", request.ssh_key.string()},
            {"known_hosts", request.known_hosts.string()},
            {"silence_ms", request.silence_ms},
            {"keep", request.keep},
            {"protect", request.protect}};
}

FetchRequest fetch_request_from_json(const Json& json) {
    return {.repository = json.at("repository").get<std::string>(),
            .checkouts = json.at("checkouts").get<std::string>(),
            .url = json.at("url").get<std::string>(),
            .revision = json.at("revision").get<std::string>(),
            .ca_file = json.at("ca_file").get<std::string>(),
            .ssh_key = json.at("ssh_key").get<std::string>(),
            .known_hosts = json.at("known_hosts").get<std::string>(),
            .silence_ms = json.at("silence_ms").get<int>(),
            .keep = json.at("keep").get<int>(),
            .protect = json.at("protect").get<std::vector<std::string>>()};
}

}  // namespace bootwright
