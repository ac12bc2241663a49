#pragma once

#include "common/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// The operator's document inside user-data as the platform served it: plain, gzip, base64, or gzip in base64. Nothing
/// where user-data is empty. What is somebody else's (a script or cloud-config for cloud-init) is told apart from what is
/// ours and malformed.
/// @throws Error role.user_data_damaged, role.user_data_not_ours, role.invalid (permanent)
std::optional<JsonDocument> parse_user_data(const std::string& served, const std::string& origin);

}  // namespace bootwright
