#pragma once

#include "common/json.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// Port: YAML (yaml-cpp). The document as JSON: mappings, sequences and plain scalars, which become null, booleans and
/// numbers as in YAML 1.2's core schema. Bounded: at most 32 levels and 100,000 nodes after aliases are followed.
/// Nothing where the text is not such a document; yaml-cpp's own message may quote it and is not handed on.
std::optional<Json> parse_yaml(const std::string& text);

}  // namespace bootwright
