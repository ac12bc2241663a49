#pragma once

#include "agent/platform/instance_metadata.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

// What platforms read out of a cloud's documents, wherever these come from.

/// The role config's size limit, and so that of user-data; clouds allow 16 to 256 KiB.
inline constexpr std::size_t largest_user_data = std::size_t{1} << 20U;

/// A value of a document as text: a string as it is, a number as written; "" for anything else.
std::string text_at(const Json& object, const char* key);

/// The object or list at a JSON pointer ("/network/interface"), or an empty one.
const Json& object_at(const Json& document, const std::string& pointer);
const Json& list_at(const Json& document, const std::string& pointer);

/// The string at `key`. Returns nullopt for null, and for what is no string.
std::optional<std::string> string_if_there(const Json& object, const char* key);

/// The error for a document that lacks what every instance has; `path` names it.
Error bad_document(const std::string& path, const std::string& why);

/// The instance id in a document, which `called` names in the error. @throws Error platform.bad_document (transient)
std::string required_id(const Json& document, const char* key, const std::string& called);

/// True for [A-Za-z0-9._:-]+ of at most 100 characters. For text from outside that goes into a URL.
bool is_word(std::string_view text);

/// `text` if is_word() takes it, else "". For text of a cloud that is shown.
std::string word_or_nothing(const std::string& text);

/// Appends an address, unless it is "" or there already.
void keep_address(std::vector<std::string>& addresses, const std::string& address);

/// Decodes the user-data of a platform that wants it in base64. Returns anything else as it is.
std::string decoded_user_data(std::string text);

/// Keeps the tags of a document: an object of names and values, or a list of words. Splits a word "name=value" or
/// "bootwright:name:value".
void add_tags(InstanceMetadata& metadata, const Json& tags);

}  // namespace bootwright
