#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

// Parts of a JSON Schema (https://json-schema.org/draft/2020-12/schema), as text: tables hold one for each key, and few
// programs ever read it. What is given is not escaped: no pattern here has a quote or a backslash.

/// @param pattern of the whole, as ECMA-262 has it; "": any text @param longest in characters; 0: any length
std::string text_schema(std::string_view pattern = "", std::size_t longest = 0);

std::string flag_schema();

std::string number_schema(int lowest, int highest);

/// What parse_duration takes.
std::string duration_schema();

std::string choice_schema(const std::vector<std::string>& words);

/// @param more further members: `"maxItems": 5`
std::string list_schema(const std::string& items, const std::string& more = "");

struct SchemaProperty {
    std::string name;
    std::string schema;
};

/// An object of these keys, and of no other. @param more further members: `"required": ["host"]`
std::string object_schema(const std::vector<SchemaProperty>& properties, const std::string& more = "");

/// An object whose keys somebody else chooses. @param names what each name has to be: `"minLength": 1`
std::string names_schema(const std::string& names);

}  // namespace bootwright
