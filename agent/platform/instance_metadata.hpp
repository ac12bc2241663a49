#pragma once

#include "common/documents/json.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What the platform says of this instance, the same shape on all. An empty string is a value that it does not have.
struct InstanceMetadata {
    std::string platform;     ///< "ec2"
    std::string instance_id;  ///< never empty
    std::string hostname{};
    std::string region{};
    std::string zone{};
    std::string instance_type{};
    std::string image_id{};
    std::string account{};
    /// Tags, labels, attributes; a label that is only a word has the value "".
    std::map<std::string, std::string> tags{};
    /// IPv4 and IPv6, private ones first, as far as the platform knows them.
    std::vector<std::string> addresses{};
    /// As the operator passed it. nullopt: the platform proves that there is none.
    std::optional<std::string> user_data{};
    /// What people know it by: "user-data", a path.
    std::string user_data_origin{};
    /// True if root alone could have written it on this machine: root's own file, credential or seed folder.
    bool user_data_is_roots = false;
};

/// {platform, id, hostname, region, zone, type, image, account, tags, addresses}: what Puppet gets as
/// the fact `cloud`. null where there is no value; never the user-data.
Json to_json(const InstanceMetadata& metadata);

/// The same for people and for the status: the values of tags whose names speak of a secret are left out.
Json shown_json(const InstanceMetadata& metadata);

/// All of it, user-data included, and back: for the copy on disk (0600).
Json stored_json(const InstanceMetadata& metadata);
/// Returns nullopt if `json` was not made by stored_json().
std::optional<InstanceMetadata> metadata_from_stored(const Json& json);

/// The name of a tag or attribute that is meant for bootwright, without its prefix: "bootwright:role", "bootwright-role" and
/// "Bootwright.role" give "role". Clouds allow different characters. Returns nullopt for any other tag.
std::optional<std::string> bootwright_key(std::string_view tag);

/// A number that changes with the instance, and with what its role config is read from: the user-data, and the tags
/// that are meant for bootwright.
std::uint64_t fingerprint(const InstanceMetadata& metadata);

/// True for a name such as "db_password" or "api-key", whose value must not be shown.
bool is_secret_name(std::string_view name);

}  // namespace bootwright
