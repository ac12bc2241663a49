#pragma once

#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <string>
#include <string_view>

namespace bootwright {

// What single values of a role config may be.

/// Puppet's rule for class names: names joined by "::".
bool is_class_name(std::string_view text);

/// What git allows as a branch or tag, less what would be strange in an error message.
bool is_ref_name(std::string_view text);

/// Where a repository is. @param example what to write instead @throws Error role.invalid, which does not quote the text
Url read_place(const std::string& text, const std::string& key, const std::string& expected, const std::string& example,
               const ObjectReader& reader);

/// [a-z0-9_]*, of at most 100 characters.
bool is_environment(std::string_view text);

/// A relative path of plain names: no "..", no ".git", no empty part.
bool is_path_inside(const std::string& path);

}  // namespace bootwright
