#pragma once

#include "common/json.hpp"

#include <optional>
#include <string>

namespace bootwright {

enum class YamlScalars {
    typed,       ///< null, booleans and numbers as in YAML 1.2's core schema, else strings
    as_written,  ///< all strings, but for null: an instance id 007 stays 007
};

/// Port: YAML (yaml-cpp). The document as JSON. Bounded: at most 32 levels and 100,000 nodes after aliases are followed.
/// Nothing where the text is not such a document; yaml-cpp's own message may quote it and is not handed on.
std::optional<Json> parse_yaml(const std::string& text, YamlScalars scalars = YamlScalars::typed);

}  // namespace bootwright
