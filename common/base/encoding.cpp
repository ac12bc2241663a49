#include "common/base/encoding.hpp"

#include "common/base/text.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <memory>
#include <new>

namespace bootwright {

namespace {

int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

/// The length of the UTF-8 sequence at the start of `text`, 0 if it is ill-formed (RFC 3629, table of section 4).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const bool overlong = first == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = first == 0xED && byte(1) > 0x9F;
        return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const bool overlong = first == 0xF0 && byte(1) < 0x90;
        const bool beyond = first == 0xF4 && byte(1) > 0x8F;
        return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

struct Character {
    std::string_view bytes;
    std::optional<char32_t> code{};  ///< nothing for a byte that is no UTF-8
};

/// @param text not empty
Character first_character(std::string_view text) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
        return {text.substr(0, 1)};
    }
    constexpr std::array<unsigned, 5> bits_of_first{0, 0x7F, 0x1F, 0x0F, 0x07};  // by length
    char32_t code = static_cast<unsigned char>(text.front()) & bits_of_first.at(length);
    for (const char byte : text.substr(1, length - 1)) {
        code = (code << 6U) | (static_cast<unsigned char>(byte) & 0x3FU);
    }
    return {text.substr(0, length), code};
}

/// How many printable ASCII characters the text begins with: nearly always all.
std::size_t plain_beginning(std::string_view text) {
    const auto* const end = std::find_if_not(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    return static_cast<std::size_t>(end - text.begin());
}

void append_utf8(std::string& text, char32_t code) {
    if (code < 0x80) {
        text += static_cast<char>(code);
        return;
    }
    const unsigned continued = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr std::array<unsigned, 4> first_byte{0, 0xC0, 0xE0, 0xF0};
    text += static_cast<char>(first_byte.at(continued) | code >> (6 * continued));
    for (unsigned left = continued; left > 0; --left) {
        text += static_cast<char>(0x80U | (code >> (6 * (left - 1)) & 0x3FU));
    }
}

/// Characters that a terminal obeys instead of showing them: controls (C0, DEL, C1), what begins a new line, and what
/// changes the direction of the text after it (Unicode Standard Annex 9, table 4; https://trojansource.codes).
bool is_obeyed(char32_t character) {
    const auto is_in = [&](char32_t first, char32_t last) { return character >= first && character <= last; };
    return character < 0x20 || is_in(0x7F, 0x9F) || character == 0x061C || is_in(0x200E, 0x200F) ||
           is_in(0x2028, 0x202E) || is_in(0x2066, 0x2069);
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
    std::string bytes;
    std::uint32_t bits = 0;
    std::size_t letters = 0;
    std::size_t padding = 0;
    for (const char c : text) {
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            continue;
        }
        const int value = base64_value(c);
        if (c == '=') {
            ++padding;
        } else if (value < 0 || padding > 0) {
            return std::nullopt;
        } else {
            bits = (bits << 6U) | static_cast<std::uint32_t>(value);
            ++letters;
            if (letters % 4 != 1) {
                const std::size_t spare = 6 - 2 * ((letters - 1) % 4);  // bits that belong to the next byte
                bytes.push_back(static_cast<char>((bits >> spare) & 0xFFU));
            }
        }
    }
    const bool complete = (letters + padding) % 4 == 0 && padding <= 2;
    return complete ? std::optional(bytes) : std::nullopt;
}

std::string encode_base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += i + k <= bytes.size() ? digits[group >> (18U - 6U * k) & 63U] : '=';
        }
    }
    return text;
}

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

std::string compress_gzip(std::string_view bytes) {
    z_stream stream{};
    constexpr int gzip_header = 15 + 16;  // the largest window, and gzip's frame (zlib.h, deflateInit2)
    constexpr int usual_memory = 8;
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_header, usual_memory, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw std::bad_alloc();
    }
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
    std::string input(bytes);
    std::string result(deflateBound(&stream, input.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(result.data());
    stream.avail_out = static_cast<uInt>(result.size());
    deflate(&stream, Z_FINISH);  // in one call, as the room is enough
    result.resize(stream.total_out);
    return result;
}

std::optional<std::string> decompress_gzip(std::string_view bytes, std::size_t cap) {
    z_stream stream{};
    constexpr int gzip_only = 15 + 16;  // the largest window, and a gzip header expected (zlib.h, inflateInit2)
    if (inflateInit2(&stream, gzip_only) != Z_OK) {
        return std::nullopt;
    }
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
    std::string input(bytes);
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
    std::string result;
    std::array<char, 16384> buffer{};
    int status = Z_OK;
    while (status == Z_OK) {
        stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
        stream.avail_out = buffer.size();
        status = inflate(&stream, Z_NO_FLUSH);
        result.append(buffer.data(), buffer.size() - stream.avail_out);
        if (result.size() > cap) {
            return std::nullopt;
        }
        // Several members in a row are one file (RFC 1952, section 2.2).
        const std::string_view rest(reinterpret_cast<const char*>(stream.next_in), stream.avail_in);
        if (status == Z_STREAM_END && is_gzip(rest)) {
            status = inflateReset(&stream);
        } else if (status == Z_STREAM_END && rest.find_first_not_of('\0') != std::string_view::npos) {
            return std::nullopt;
        }
    }
    return status == Z_STREAM_END ? std::optional(result) : std::nullopt;
}

bool is_text(std::string_view text) {
    while (!text.empty()) {
        const auto first = static_cast<unsigned char>(text.front());
        const bool control = (first < 0x20 && first != '\t' && first != '\n' && first != '\r') || first == 0x7F;
        const std::size_t length = utf8_length(text);
        const bool control_above_127 = first == 0xC2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xA0;
        if (control || control_above_127 || length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

std::string printable(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t plain = plain_beginning(text);
        result += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) {
            break;
        }
        const Character character = first_character(text);
        const bool is_white = character.code == U'\t' || character.code == U'\n' || character.code == U'\r';
        result += is_white ? " " : !character.code || is_obeyed(*character.code) ? "?" : character.bytes;
        text.remove_prefix(character.bytes.size());
    }
    return result;
}

std::string printable_json(std::string_view json) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    result.reserve(json.size());
    while (!json.empty()) {
        const auto [bytes, code] = first_character(json);
        json.remove_prefix(bytes.size());
        if (!code || *code < ' ' || !is_obeyed(*code)) {
            result += bytes;
            continue;
        }
        result += "\\u";
        for (const unsigned shift : {12U, 8U, 4U, 0U}) {  // none of them is beyond four digits
            result += digits[*code >> shift & 15U];
        }
    }
    return result;
}

namespace {

/// Returns nullopt if `units` are not UTF-16 (RFC 2781, section 2.2).
std::optional<std::string> from_utf16(std::string_view units, bool is_big_endian) {
    std::string result;
    char32_t high = 0;  // the first of a pair of surrogates
    for (std::size_t at = 0; at + 1 < units.size(); at += 2) {
        const char32_t first = static_cast<unsigned char>(units[at]);
        const char32_t second = static_cast<unsigned char>(units[at + 1]);
        const char32_t unit = is_big_endian ? first << 8U | second : second << 8U | first;
        const bool is_high = unit >= 0xD800 && unit <= 0xDBFF;
        const bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
        if (is_low != (high != 0)) {
            return std::nullopt;
        }
        if (!is_high) {
            append_utf8(result, is_low ? 0x10000 + ((high - 0xD800) << 10U) + (unit - 0xDC00) : unit);
        }
        high = is_high ? unit : 0;
    }
    return high == 0 && units.size() % 2 == 0 ? std::optional(std::move(result)) : std::nullopt;
}

/// Two ASCII characters in little-endian UTF-16. No text in UTF-8 has a NUL.
bool begins_as_utf16(std::string_view text) {
    const auto is_ascii = [](char c) { return c != '\0' && static_cast<unsigned char>(c) < 0x80; };
    return text.size() >= 4 && is_ascii(text[0]) && text[1] == '\0' && is_ascii(text[2]) && text[3] == '\0';
}

}  // namespace

std::string without_byte_order_mark(std::string text) {
    constexpr std::string_view utf8_mark = "\xEF\xBB\xBF";
    if (text.starts_with(utf8_mark)) {
        return text.substr(utf8_mark.size());
    }
    const std::string_view all = text;
    std::optional<std::string> converted;
    if (all.starts_with("\xFE\xFF") || all.starts_with("\xFF\xFE")) {
        converted = from_utf16(all.substr(2), all.starts_with("\xFE"));
    } else if (begins_as_utf16(all)) {
        converted = from_utf16(all, false);
        converted = converted && is_text(*converted) ? std::move(converted) : std::nullopt;
    }
    if (converted) {
        return *std::move(converted);
    }
    return text;
}

int percent_encoded_byte(std::string_view text, std::size_t at) {
    if (text.size() < at + 3 || text[at] != '%') {
        return -1;
    }
    unsigned byte = 0;
    const char* end = text.data() + at + 3;
    return std::from_chars(text.data() + at + 1, end, byte, 16).ptr == end ? static_cast<int>(byte) : -1;
}

std::string percent_decoded(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const int byte = percent_encoded_byte(text, at);
        plain += byte < 0 ? text[at] : static_cast<char>(byte);
        at += byte < 0 ? 0 : 2;
    }
    return plain;
}

std::string percent_encoded(std::string_view text, std::string_view kept_signs) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (is_alphanumeric(c) || kept_signs.find(c) != std::string_view::npos) {
            result += c;
        } else {
            result += {'%', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
    return result;
}

}  // namespace bootwright
