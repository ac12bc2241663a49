#pragma once

#include "agent/config/config.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/role/announce_config.hpp"
#include "agent/role/health_config.hpp"
#include "agent/role/who_may_say.hpp"
#include "common/documents/json.hpp"
#include "common/net/redactor.hpp"
#include "common/net/url.hpp"

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
        Url url{};
        std::vector<Url> mirrors{};  ///< other places of the same repository, snapshots too
        std::string revision{};      ///< the pin: 40 hex, or a branch or tag where the image allows them
        std::string environment{};   ///< [a-z0-9_]+: environments/NAME inside it; empty: the whole of it
    } repository{};

    /// A second repository, pinned likewise: this instance's configuration, or data.
    struct Configuration {
        Url url{};  ///< empty: there is none
        std::vector<Url> mirrors{};
        std::string revision{};
        std::string path{};  ///< inside it, relative; empty: not said
    } configuration{};

    bool noop = false;
    std::optional<std::chrono::milliseconds> puppet_timeout{};
    enum class OnFailure { stay, last_good } on_failure = OnFailure::stay;  ///< of a revision that is given up
    std::optional<std::chrono::milliseconds> interval{};                    ///< between runs; nothing: only at boot
    std::chrono::milliseconds splay{0};  ///< over which a fleet spreads; not set: the whole interval

    HealthConfig health{};
    AnnounceConfig announce{};

    /// Where each value came from: "repository.url" → "/etc/bootwright/agent.json".
    std::map<std::string, std::string> origins{};
    /// Whose word each document is: "/etc/bootwright/agent.json" → the image's.
    std::map<std::string, Speaker> speakers{};
};

/// The role stage: the image's defaults, layer by layer, the file of the configuration repository where there is one, the
/// instance's tags for bootwright, and its user-data on top. Scalars and lists are replaced as a whole, `facts` and `data` key
/// by key. Where `configuration.path` names a file, and it is not given yet, nothing else is required. What the image has fixed,
/// or demands to hear from nobody but itself, no layer may say against it (who_may_say.hpp).
/// @throws Error role.* (permanent), naming the document, the line, the path and what would be right
RoleConfig read_role_config(const AgentConfig& config, const InstanceMetadata& instance,
                            const std::optional<JsonDocument>& configuration = std::nullopt);

/// Who is to be told where no role config can be read: as the image's defaults say, as far as they can be read.
AnnounceConfig announce_of_image(const AgentConfig& config);

/// The file of a configuration repository, in any form that user-data has. @throws Error role.invalid, role.user_data_damaged
JsonDocument read_configuration_file(const std::string& text, const std::string& origin);

}  // namespace bootwright
