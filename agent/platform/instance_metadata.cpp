#include "agent/platform/instance_metadata.hpp"

#include "common/text.hpp"

#include <algorithm>
#include <array>

namespace bootwright {

namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

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
        if (is_secret_name(name)) {
            value = "(not shown)";
        }
    }
    return json;
}

bool is_secret_name(std::string_view name) {
    constexpr std::array<std::string_view, 9> words{"password", "passwd", "passphrase", "secret",    "token",
                                                    "api_key",  "apikey", "private_key", "credential"};
    std::string plain = lower(name);
    std::replace(plain.begin(), plain.end(), '-', '_');
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return plain.find(word) != std::string::npos; });
}

}  // namespace bootwright
