#pragma once

#include "agent/config/config.hpp"
#include "common/documents/json.hpp"

#include <string_view>

namespace bootwright {

/// True if the image makes demands on what runs, which user-data must not get around.
bool has_demands(const AgentConfig& config);

/// True if the image fixes the key of the role config: no layer above its own may change it.
bool is_fixed(const AgentConfig& config, std::string_view name);

/// True if this image does not take the key from just anywhere.
bool is_guarded(const AgentConfig& config, std::string_view name);

/// What the image's own layers say at "role", "repository.url" or "facts.NAME", the last one
/// winning. Returns nullptr if none does.
const Json* image_value(const AgentConfig& config, std::string_view name);

/// Reads `fixed` and `allow_from_anywhere` of one layer of the image's configuration.
/// @throws Error config.invalid, naming the line, for what is no key of the role config, or may come from anywhere
void read_key_lists(AgentConfig& config, ObjectReader& reader, const JsonDocument& document);

/// @throws Error config.invalid if the image does not set a key of `fixed` in `document`, or if fixing it binds nothing
void check_fixed(const AgentConfig& config, const JsonDocument& document);

}  // namespace bootwright
