#pragma once

#include "agent/config/config.hpp"
#include "agent/role/keys/speaker.hpp"
#include "common/documents/json.hpp"

namespace bootwright {

/// Whose word the file in the configuration repository is.
Speaker speaker_of_configuration(const AgentConfig& config);

/// Refuses what a layer above the image's own says against `fixed`, and guarded keys from anyone.
/// @throws Error role.fixed, role.not_trusted (permanent), naming document, line, key, and who may say it
void refuse_what_it_may_not_say(const AgentConfig& config, const JsonDocument& document, Speaker speaker);

}  // namespace bootwright
