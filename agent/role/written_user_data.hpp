#pragma once

#include "common/documents/json.hpp"

#include <string>

namespace bootwright {

// User-data as parse_user_data() reads it (user_data.hpp). What is written of a role config is ASCII.

/// A #cloud-config that has cloud-init write the role config to cloud_config_file.
std::string as_cloud_config(const Json& role);

/// A MIME message that holds `theirs`, a document for cloud-init, if it is not "", and as_cloud_config() of the role config.
/// cloud-init writes the files of both.
std::string as_mime(const Json& role, const std::string& theirs);

/// The role config as JSON.
std::string as_plain(const Json& role);

}  // namespace bootwright
