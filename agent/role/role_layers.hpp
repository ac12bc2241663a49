#pragma once

#include "agent/config/config.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/documents/json.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// The role stage: the image's defaults, layer by layer, the file of the configuration repository if there is one, the
/// instance's tags for bootwright, and its user-data on top. Scalars and lists are replaced as a whole, `facts` and
/// `data` key by key. If `configuration.path` names a file that is not given yet, nothing else is required. No layer
/// may contradict what the image has fixed, or say what the image takes only from itself (who_may_say.hpp).
/// @param revision what root wants in place of the pin of all layers, and under the same rules; "": nothing
/// @param mistakes if given, what is wrong beside the image's layers is noted there (attempt() of json.hpp)
/// @throws Error role.* (permanent), naming the document, the line, the path and what would be right
RoleConfig read_role_config(const AgentConfig& config, const InstanceMetadata& instance,
                            const std::optional<JsonDocument>& configuration = std::nullopt,
                            const std::string& revision = "", Mistakes* mistakes = nullptr);

/// Whom to tell if no role config can be read: what the image's defaults say, as far as they can be read.
AnnounceConfig announce_of_image(const AgentConfig& config);

/// The file of a configuration repository, in any form that user-data has. @throws Error role.invalid, role.user_data_damaged
JsonDocument read_configuration_file(const std::string& text, const std::string& origin);

}  // namespace bootwright
