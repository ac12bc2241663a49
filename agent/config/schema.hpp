#pragma once

#include "common/documents/json.hpp"

namespace bootwright {

/// The JSON Schema (draft 2020-12) of agent.json, made from the table of its keys. Editors check with it as one types.
Json agent_schema();

/// The same for a role config, of which a layer may say any part.
Json role_schema();

}  // namespace bootwright
