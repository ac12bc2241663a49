#pragma once

#include "common/documents/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// The file that a #cloud-config has cloud-init write, whose content is the role config. Nobody reads the file itself: it is where
/// the state of this boot is, so that no image takes it along, and where no role config may name a secret.
inline constexpr const char* cloud_config_file = "/run/bootwright/role-config";

/// What an instance's user-data is.
struct UserData {
    std::optional<JsonDocument> document{};  ///< the role config
    std::string foreign{};                   ///< else what it is: "a script for cloud-init"; "" if it is empty
};

/// The end of a document's origin if its lines are not those of what was served, since that was packed or encoded.
constexpr std::string_view unpacked_suffix = ", unpacked";

/// Finds the operator's document in user-data as the platform served it: JSON or YAML; plain, gzip, base64, or several
/// of these nested; the part of a MIME message whose type is text/x-bootwright or whose file name begins with
/// "bootwright."; of a #cloud-config the file cloud_config_file in `write_files`, or the key `bootwright`. Fetches nothing. Tells somebody else's document from a
/// malformed one of ours. Bounded: four layers, each at most 4 MiB.
/// @throws Error role.user_data_damaged, role.invalid (permanent); neither quotes a value
UserData parse_user_data(const std::string& served, const std::string& origin);

}  // namespace bootwright
