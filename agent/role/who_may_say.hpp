#pragma once

#include "agent/config/config.hpp"
#include "common/documents/json.hpp"

#include <string_view>

namespace bootwright {

/// Whose word a document of the role config is.
enum class Speaker {
    anyone,  ///< user-data and tags: whoever may set them, on some clouds each local user
    root,    ///< a file that root alone can change
    proven,  ///< a file of a repository that is signed as the image asks, or at a pin that only the image says
    image,   ///< role_config of agent.json and agent.d
};

/// "anyone", "root", "proven", "image".
std::string_view to_string(Speaker speaker);

/// Whose word the file of the configuration repository is, which its pin leads to.
Speaker speaker_of_configuration(const AgentConfig& config);

/// Refuses what a layer above the image's own says against `fixed`, and what is guarded and comes from anyone.
/// @throws Error role.fixed, role.not_trusted (permanent), naming document, line, key, and who may say it
void refuse_what_it_may_not_say(const AgentConfig& config, const JsonDocument& document, Speaker speaker);

}  // namespace bootwright
