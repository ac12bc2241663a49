#pragma once

#include "common/documents/json.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// What an instance's user-data is.
struct UserData {
    std::optional<JsonDocument> document{};  ///< the role config
    std::string foreign{};                   ///< else what it is: "a script for cloud-init"; "" if it is empty
};

/// Finds the operator's document in user-data as the platform served it: JSON or YAML; plain, gzip, base64, or several
/// of these nested; the part of a MIME message whose type is text/x-bootwright or whose file name begins with
/// "bootwright."; the key `bootwright` of a #cloud-config. Fetches nothing. Tells somebody else's document from a
/// malformed one of ours. Bounded: four layers, each at most 4 MiB.
/// @throws Error role.user_data_damaged, role.invalid (permanent); neither quotes a value
UserData parse_user_data(const std::string& served, const std::string& origin);

}  // namespace bootwright
