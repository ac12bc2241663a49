#pragma once

#include "common/documents/json.hpp"

#include <optional>
#include <string>

namespace bootwright {

enum class YamlScalars {
    typed,       ///< null, booleans and numbers as in YAML 1.2's core schema, else strings
    as_written,  ///< all strings, except null: an instance id 007 stays 007
};

/// Port: YAML (yaml-cpp). The only document of `text` as JSON. Bounded: at most 32 levels, and 16 MiB once aliases are followed.
/// Returns nullopt if the text is not such a document; yaml-cpp's own message may quote it and is not handed on.
std::optional<Json> parse_yaml(const std::string& text, YamlScalars scalars = YamlScalars::typed);

/// A YAML document that people wrote, kept with the lines of its values so that an error can name them. Strict: one
/// document, a mapping at the top, no duplicate keys, no tags but those of the core schema; and bounded as above.
/// @throws Error permanent with `error_code`, naming the line; it never quotes a value, since values may be secret
JsonDocument parse_yaml_document(const std::string& text, std::string origin, std::string error_code);

/// The same for somebody else's document: reads only the value at `key`, and only that must follow these rules.
JsonDocument parse_yaml_key(const std::string& text, const std::string& key, std::string origin,
                            std::string error_code);

/// The same for somebody else's list: the root is an array, in which an item is null that does not follow these rules.
JsonDocument parse_yaml_list(const std::string& text, std::string origin, std::string error_code);

}  // namespace bootwright
