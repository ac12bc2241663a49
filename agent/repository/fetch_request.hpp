#pragma once

#include "common/json.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// What the agent asks of the child that fetches; handed over on its standard input, since the URL may hold a secret.
struct FetchRequest {
    std::filesystem::path repository;  ///< the bare repository
    std::filesystem::path checkouts;   ///< the folder that holds the checkouts
    std::string url;
    std::string revision;
    std::filesystem::path ca_file{};
    std::filesystem::path ssh_key{};
    std::filesystem::path known_hosts{};
    int silence_ms = 30000;
    int keep = 3;                        ///< so many checkouts stay on disk, the new one included
    std::vector<std::string> protect{};  ///< revisions that are never removed
};

Json to_json(const FetchRequest& request);
/// @throws nlohmann::json::exception if `json` was not made by to_json
FetchRequest fetch_request_from_json(const Json& json);

}  // namespace bootwright
