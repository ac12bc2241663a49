#include "agent/platform/instance_metadata.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>
#include <exception>

namespace bootwright {

namespace {}  // namespace

Json to_json(const InstanceMetadata& metadata) {
    return {{"platform", metadata.platform},
            {"id", metadata.instance_id},
            {"hostname", text_or_null(metadata.hostname)},
            {"region", text_or_null(metadata.region)},
            {"zone", text_or_null(metadata.zone)},
            {"type", text_or_null(metadata.instance_type)},
            {"image", text_or_null(metadata.image_id)},
            {"account", text_or_null(metadata.account)},
            {"tags", metadata.tags},
            {"addresses", metadata.addresses}};
}

Json shown_json(const InstanceMetadata& metadata) {
    Json json = to_json(metadata);
    for (auto& [name, value] : json["tags"].items()) {
        // A tag may be a repository's URL with a password.
        value = is_secret_name(name) ? "(not shown)" : without_credentials(value.get<std::string>());
    }
    return json;
}

Json stored_json(const InstanceMetadata& metadata) {
    Json json = to_json(metadata);
    json["user_data"] = metadata.user_data ? Json(encode_base64(*metadata.user_data)) : Json();
    json["user_data_origin"] = metadata.user_data_origin;
    json["user_data_is_roots"] = metadata.user_data_is_roots;
    return json;
}

std::optional<InstanceMetadata> metadata_from_stored(const Json& json) {
    InstanceMetadata metadata{.platform = string_at(json, "platform"),
                              .instance_id = string_at(json, "id"),
                              .hostname = string_at(json, "hostname"),
                              .region = string_at(json, "region"),
                              .zone = string_at(json, "zone"),
                              .instance_type = string_at(json, "type"),
                              .image_id = string_at(json, "image"),
                              .account = string_at(json, "account"),
                              .user_data_origin = string_at(json, "user_data_origin")};
    if (metadata.platform.empty() || metadata.instance_id.empty()) {
        return std::nullopt;
    }
    try {
        json.at("tags").get_to(metadata.tags);
        json.at("addresses").get_to(metadata.addresses);
        // As it was when it was read: root's copy is not trusted more.
        metadata.user_data_is_roots = json.value("user_data_is_roots", Json()) == Json(true);
        if (const Json& user_data = json.at("user_data"); !user_data.is_null()) {
            metadata.user_data = decode_base64(user_data.get<std::string>()).value();
        }
    } catch (const std::exception&) {  // another type, or no base64
        return std::nullopt;
    }
    return metadata;
}

std::optional<std::string> bootwright_key(std::string_view tag) {
    constexpr std::string_view prefix = "bootwright";
    constexpr std::string_view separators = ":-._/";
    const bool is_ours = tag.size() > prefix.size() + 1 && lower(tag.substr(0, prefix.size())) == prefix &&
                         separators.find(tag[prefix.size()]) != std::string_view::npos;
    return is_ours ? std::optional<std::string>(tag.substr(prefix.size() + 1)) : std::nullopt;
}

std::uint64_t fingerprint(const InstanceMetadata& metadata) {
    Json relevant{metadata.platform, metadata.instance_id, metadata.user_data.has_value(),
                  encode_base64(metadata.user_data.value_or(""))};
    for (const auto& [tag, value] : metadata.tags) {
        if (bootwright_key(tag)) {
            relevant.push_back({tag, value});
        }
    }
    return hash_of(to_line(relevant));
}

bool is_secret_name(std::string_view name) {
    constexpr std::array<std::string_view, 13> words{
        "password", "passwd",     "passphrase", "admin_pass",  "secret",     "token",      "api_key",
        "apikey",   "access_key", "auth_key",   "private_key", "credential", "random_seed"};
    std::string plain = lower(name);
    std::replace(plain.begin(), plain.end(), '-', '_');
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return plain.find(word) != std::string::npos; });
}

}  // namespace bootwright
