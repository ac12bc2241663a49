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

/// Port: gzip (zlib). Returns nullopt if the data is damaged, truncated, larger than `cap` bytes when unpacked, or
/// followed by anything but zeroes (the padding of tapes).
std::optional<std::string> decompress_gzip(std::string_view bytes, std::size_t cap);

/// Port: gzip (zlib), fast rather than small. Several results after each other are a gzip file, too (RFC 1952, section 2.2).
std::string compress_gzip(std::string_view bytes);

/// Writes a space for a tab and a line's end, and "?" for each byte that is not UTF-8 and for each other character that a
/// terminal obeys: control characters (C0, DEL, C1), line and paragraph separators, and changes of the text direction.
/// Text from outside must not move a terminal's cursor, forge a line of the log, or look like another text.
std::string printable(std::string_view text);

/// Well-formed JSON with the same values, and \uXXXX for the same characters. (White space between values stays.)
std::string printable_json(std::string_view json);

/// True if `text` is well-formed UTF-8 with no control characters but tab and line ends.
bool is_text(std::string_view text);

/// Removes UTF-8's byte order mark, with which Windows begins files. Converts UTF-16 to UTF-8: what begins with its mark, and what
/// two ASCII characters in little-endian order begin, since PowerShell's [Text.Encoding]::Unicode.GetBytes() writes no mark.
/// Leaves any other text as it is, also one that begins so and is not UTF-16.
std::string without_byte_order_mark(std::string text);

/// Keeps letters, digits and `kept_signs`; writes every other byte as %XX (RFC 3986, section 2.1).
std::string percent_encoded(std::string_view text, std::string_view kept_signs);

/// Decodes each "%XX"; a "%" without two hexadecimal digits stays (RFC 3986, section 2.1).
std::string percent_decoded(std::string_view text);

/// The byte of "%XX" at `at`; -1 if no two hexadecimal digits follow, or there is no "%".
int percent_encoded_byte(std::string_view text, std::size_t at);

}  // namespace bootwright
