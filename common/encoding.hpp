#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// Standard base64 with padding; white space between is allowed. Nothing for anything else.
std::optional<std::string> decode_base64(std::string_view text);

/// Standard base64 with padding, in one line.
std::string encode_base64(std::string_view bytes);

/// True if `bytes` begins as gzip does (RFC 1952).
bool is_gzip(std::string_view bytes);

/// Port: gzip (zlib). Nothing where the data is damaged, truncated, or larger than `cap` bytes when unpacked.
std::optional<std::string> decompress_gzip(std::string_view bytes, std::size_t cap);

/// `text` with "?" for each control character, C0 and C1, and for each byte that is no UTF-8: text from outside must not
/// move a terminal's cursor, nor forge a line of the log.
std::string printable(std::string_view text);

/// True if `text` is well-formed UTF-8 with no control characters but tab and line ends.
bool is_text(std::string_view text);

/// Letters, digits and `kept_signs` as they are, every other byte as %XX (RFC 3986, section 2.1).
std::string percent_encoded(std::string_view text, std::string_view kept_signs);

}  // namespace bootwright
