#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// Standard base64 with padding; white space between is allowed. Returns nullopt for anything else.
std::optional<std::string> decode_base64(std::string_view text);

/// Standard base64 with padding, in one line.
std::string encode_base64(std::string_view bytes);

/// True if `bytes` begins as gzip does (RFC 1952).
bool is_gzip(std::string_view bytes);

/// Port: gzip (zlib). Returns nullopt if the data is damaged, truncated, larger than `cap` bytes when unpacked, or followed by
/// anything but zeroes, with which tapes are padded.
std::optional<std::string> decompress_gzip(std::string_view bytes, std::size_t cap);

/// `text` with "?" for each character that is obeyed instead of shown, and for each byte that is no UTF-8: control characters
/// (C0, DEL, C1), line and paragraph separators, and those that turn the direction of what follows. Text from outside must
/// not move a terminal's cursor, forge a line of the log, nor look like what it is not.
std::string printable(std::string_view text);

/// Well-formed JSON with the same values, in which such characters are written \uXXXX. (White space between values stays.)
std::string printable_json(std::string_view json);

/// True if `text` is well-formed UTF-8 with no control characters but tab and line ends.
bool is_text(std::string_view text);

/// `text` without the byte order mark of UTF-8, with which Windows begins files; a text that begins with one of UTF-16 as
/// UTF-8. All others as they are, and so is what is no UTF-16 in spite of the mark.
std::string without_byte_order_mark(std::string text);

/// Letters, digits and `kept_signs` as they are, every other byte as %XX (RFC 3986, section 2.1).
std::string percent_encoded(std::string_view text, std::string_view kept_signs);

}  // namespace bootwright
