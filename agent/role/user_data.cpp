#include "agent/role/user_data.hpp"

#include "common/encoding.hpp"
#include "common/error.hpp"
#include "common/text.hpp"

namespace bootwright {

namespace {

constexpr std::size_t largest_document = std::size_t{4} << 20U;  // unpacked

Error damaged(const std::string& origin, const std::string& why) {
    return permanent_error("role.user_data_damaged", origin + " " + why,
                           "pass the role config as JSON text, or as gzip, base64 or both of it");
}

std::string unpack_gzip(const std::string& bytes, const std::string& origin) {
    auto text = decompress_gzip(bytes, largest_document);
    if (!text) {
        throw damaged(origin, "is gzip, but damaged, truncated, or larger than 4 MiB when unpacked");
    }
    return std::move(*text);
}

/// Base64 is recognised by what comes out of it: a role config begins with a brace, gzip with its magic number.
std::string decode(const std::string& served, const std::string& origin) {
    if (is_gzip(served)) {
        return unpack_gzip(served, origin);
    }
    if (trimmed(served).starts_with('{')) {
        return served;
    }
    const auto decoded = decode_base64(served);
    if (decoded && is_gzip(*decoded)) {
        return unpack_gzip(*decoded, origin);
    }
    return decoded && is_text(*decoded) ? *decoded : served;
}

/// What a document that is not ours is for, by its first line.
std::optional<std::string> foreign_kind(std::string_view text) {
    const std::string start = lower(text.substr(0, 64));
    const auto is = [&](std::string_view sign) { return start.starts_with(sign); };
    if (is("#!")) return "a script for cloud-init";
    if (is("#cloud-config")) return "a cloud-config for cloud-init";
    if (is("#include")) return "an include list for cloud-init";
    if (is("content-type:") || is("mime-version:") || is("from ")) return "a MIME message for cloud-init";
    if (is("#")) return "a document for another program";
    return std::nullopt;
}

}  // namespace

std::optional<JsonDocument> parse_user_data(const std::string& served, const std::string& origin) {
    std::string text = decode(served, origin);
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    text.erase(0, text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0);
    if (trimmed(text).empty()) {
        return std::nullopt;
    }
    if (!is_text(text)) {
        throw damaged(origin, "is binary data of " + std::to_string(served.size()) + " bytes, not a JSON text");
    }
    if (const auto kind = foreign_kind(trimmed(text))) {
        throw permanent_error("role.user_data_not_ours", origin + " is " + *kind + ", not a role config for bootwright",
                              "pass a JSON object such as {\"role\": \"web\"} as user-data");
    }
    return JsonDocument::parse(std::move(text), origin, "role.invalid");
}

}  // namespace bootwright
