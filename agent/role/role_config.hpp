#pragma once

#include "agent/config.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "common/json.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The instance-specific configuration: which part of the control repository this machine is, and at which revision.
struct RoleConfig {
    std::string role{};
    std::vector<std::string> classes{};
    Json facts = Json::object();
    Json data = Json::object();  ///< the top layer of Hiera; may hold secrets, so it is never shown

    struct Repository {
        std::string url{};       ///< may hold credentials: show it only without_credentials()
        std::string revision{};  ///< the pin: 40 hex, or a branch or tag where the image allows them
    } repository{};

    bool noop = false;
    std::optional<std::chrono::milliseconds> puppet_timeout{};
    std::optional<std::chrono::milliseconds> interval{};  ///< between runs; nothing: only at boot
    std::chrono::milliseconds splay{0};

    /// Where each value came from: "repository.url" → "/etc/bootwright/agent.json".
    std::map<std::string, std::string> origins{};
};

/// The role stage: the image's defaults, layer by layer, the instance's tags for bootwright, and its user-data on top.
/// Scalars and lists are replaced as a whole, `facts` and `data` key by key.
/// @throws Error role.* (permanent), naming the document, the line, the path and what would be right
RoleConfig read_role_config(const AgentConfig& config, const InstanceMetadata& instance);

/// For the run's record (0600): the values and their origins; the URL without credentials.
Json to_json(const RoleConfig& role);

}  // namespace bootwright
