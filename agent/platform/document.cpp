#include "agent/platform/document.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

std::string text_at(const Json& object, const char* key) {
    const Json& value = member_at(object, key);
    return value.is_string() ? value.get<std::string>() : value.is_number() ? to_line(value) : "";
}

const Json& object_at(const Json& document, const std::string& pointer) {
    static const Json nothing = Json::object();
    const Json::json_pointer path(pointer);
    return document.contains(path) && document.at(path).is_object() ? document.at(path) : nothing;
}

const Json& list_at(const Json& document, const std::string& pointer) {
    static const Json nothing = Json::array();
    const Json::json_pointer path(pointer);
    return document.contains(path) && document.at(path).is_array() ? document.at(path) : nothing;
}

std::optional<std::string> string_if_there(const Json& object, const char* key) {
    const Json& value = member_at(object, key);
    return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

Error bad_document(const std::string& path, const std::string& why) {
    return transient_error("platform.bad_document", path + " of the metadata service " + why,
                           "nothing to do if it passes: the agent tries again; else ask the cloud's support");
}

std::string required_id(const Json& document, const char* key, const std::string& called) {
    std::string id = text_at(document, key);
    if (id.empty()) {
        throw bad_document(called, std::string("names no ") + key);
    }
    return id;
}

bool is_word(std::string_view text) { return is_made_of(text, "._:-", 100); }

std::string word_or_nothing(const std::string& text) { return is_word(text) ? text : ""; }

void keep_address(std::vector<std::string>& addresses, const std::string& address) {
    if (!address.empty() && std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
        addresses.push_back(address);
    }
}

std::string decoded_user_data(std::string text) {
    auto decoded = decode_base64(text);
    return decoded ? std::move(*decoded) : std::move(text);
}

void add_tags(InstanceMetadata& metadata, const Json& tags) {
    const Json names = tags.is_object() ? tags : Json::object();
    for (const auto& [key, value] : names.items()) {
        metadata.tags[key] = value.is_string() ? value.get<std::string>() : to_line(value);
    }
    for (const Json& tag : tags.is_array() ? tags : Json::array()) {
        const std::string word = tag.is_string() ? tag.get<std::string>() : "";
        const bool is_ours = lower(word).starts_with("bootwright:");
        const std::size_t equals = word.find('=');
        const std::size_t separator =
            equals == std::string::npos && is_ours ? word.find(':', std::string_view("bootwright:").size()) : equals;
        if (!word.empty()) {
            metadata.tags[word.substr(0, separator)] = separator == std::string::npos ? "" : word.substr(separator + 1);
        }
    }
}

}  // namespace bootwright
