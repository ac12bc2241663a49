#pragma once

#include "common/json.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// Every text in `json` that is long enough to be told from innocent words: six characters.
std::vector<std::string> secrets_in(const Json& json);

/// `text` with "[redacted]" for each of the secrets, as they are and as JSON and Ruby write them, also where only some lines
/// of one stand in it. What is to be shortened is to be so afterwards.
std::string without_secrets(std::string text, const std::vector<std::string>& secrets);

}  // namespace bootwright
