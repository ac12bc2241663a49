#pragma once

#include "agent/config/config.hpp"
#include "common/documents/json.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// One key of agent.json, with all that is to know of it: the reader, the table of docs/configuration.md (a test
/// compares) and the JSON Schema are made from it.
struct AgentKey {
    std::string name;    ///< "repository.keep"
    std::string schema;  ///< what may stand there: JSON Schema, as text
    /// Reads the key from `section` (under its last word), if it is there. Null: read_agent_config reads it by itself.
    /// @throws Error config.invalid, naming file, line and key
    std::function<void(AgentConfig& config, ObjectReader& section, const std::string& word)> read;
    std::function<Json(const AgentConfig& config)> value;  ///< as people write it; null with a null `read`
    std::string_view meaning;                              ///< Markdown, in one line
    std::string_view otherwise{};                          ///< what holds if nobody sets the key, if that is no value
};

/// All of them, in the order of the document: those of a section stand together.
const std::vector<AgentKey>& agent_keys();

}  // namespace bootwright
