#pragma once

#include "agent/config/config.hpp"
#include "common/documents/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// From where a key of the role config may come.
enum class KeyTrust {
    anywhere,
    guarded,         ///< under a demand of the image: from the image, a proven file, or a file of root's
    guarded_by_url,  ///< likewise, but only where the image fixes the URL that the key would lead past
};

/// One key of the role config; docs/role-config.md shows the same table, and a test compares.
struct RoleKey {
    std::string_view name;  ///< "repository.url"; a part of a value that layers set as a whole: "health.checks.command"
    KeyTrust trust;
    bool is_part = false;  ///< such a part, which cannot be fixed alone
};

/// All of them, in the order of the document.
const std::vector<RoleKey>& role_keys();

/// Returns nullptr if it is no key. "facts.NAME" and "data.NAME" are found as "facts" and "data".
const RoleKey* find_role_key(std::string_view name);

/// Whether the image demands something of what runs, so that user-data must be no way around it.
bool has_demands(const AgentConfig& config);

/// Whether the image fixes the key: no layer above its own may change it.
bool is_fixed(const AgentConfig& config, std::string_view name);

/// Whether the key may not come from just anywhere, as the image is configured.
bool is_guarded(const AgentConfig& config, std::string_view name);

/// What the image's own layers say at "role", "repository.url" or "facts.NAME", the last one
/// winning. Returns nullptr if none does.
const Json* image_value(const AgentConfig& config, std::string_view name);

/// Reads `fixed` and `allow_from_anywhere` of one layer of the image's configuration.
/// @throws Error config.invalid, naming the line, for what is no key of the role config or may come from anywhere already
void read_key_lists(AgentConfig& config, ObjectReader& reader, const JsonDocument& document);

/// @throws Error config.invalid where what `fixed` in `document` names is not set by the image, or binds nothing
void check_fixed(const AgentConfig& config, const JsonDocument& document);

}  // namespace bootwright
