#pragma once

#include "agent/role/keys/role_config.hpp"
#include "common/documents/json.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// Where a key of the role config may come from.
enum class KeyTrust {
    anywhere,
    guarded,         ///< if the image makes demands: only from the image, a proven file, or a file of root's
    guarded_by_url,  ///< likewise, but only if the image fixes the URL that the key would bypass
};

/// The layer of the role config that is read.
struct RoleLayer {
    Speaker speaker;    ///< whose word it is
    bool allows_names;  ///< whether a revision may be a branch or tag
};

/// One key of the role config, with all that is to know of it: the reader, what is shown, both tables of
/// docs/role-config.md (a test compares) and the JSON Schema are made from it.
struct RoleKey {
    std::string name;  ///< "repository.url"; a part of a value that layers set as a whole: "health.checks.command"
    KeyTrust trust = KeyTrust::anywhere;
    std::string_view why;        ///< why it has that trust; Markdown, in one line
    std::string_view meaning{};  ///< Markdown, in one line; empty for a part
    std::string schema{};        ///< what may stand there: JSON Schema, as text; empty for a part
    /// Reads the key over what lower layers said, if `section` has it under its last word. Null for a part.
    /// @throws Error with the document's code, naming line and key
    std::function<void(RoleConfig& role, ObjectReader& section, const std::string& word, const RoleLayer& layer)>
        read{};
    std::function<Json(const RoleConfig& role)> value{};  ///< what is shown of it; null for a part
    bool holds_names = false;                             ///< whether the operator chooses the names of its own keys

    /// True for a part of a value, which cannot be fixed alone.
    [[nodiscard]] bool is_part() const { return !read; }
};

/// All of them, in the order of the document: those of a section stand together.
const std::vector<RoleKey>& role_keys();

/// Returns nullptr if it is no key. "facts.NAME" and "data.NAME" are found as "facts" and "data".
const RoleKey* find_role_key(std::string_view name);

/// Reads the keys whose names begin with `prefix` ("", or "announce."), over what the layers below said, and remembers `origin`
/// for each that is there. `reader` is the object at `prefix`. @throws Error with the document's code, naming line and key
void read_role_keys(RoleConfig& role, ObjectReader reader, const std::string& prefix, const RoleLayer& layer,
                    const std::string& origin);

}  // namespace bootwright
