#include "agent/fleet/page.hpp"

#include "agent/fleet/page_text.hpp"
#include "common/base/encoding.hpp"
#include "common/base/sha256.hpp"

#include <charconv>
#include <string_view>

namespace bootwright {

namespace {

/// What stands between the last `begin` and the `end` after it.
std::string_view between(std::string_view text, std::string_view begin, std::string_view end) {
    text.remove_prefix(text.rfind(begin) + begin.size());
    return text.substr(0, text.find(end));
}

/// As a Content-Security-Policy names an element that may stand in the page (CSP 3, "hash-source").
std::string policy_hash(std::string_view content) {
    const std::string hex = sha256_hex(content);
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        unsigned char byte = 0;
        std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
        bytes += static_cast<char>(byte);
    }
    return "sha256-" + encode_base64(bytes);
}

/// JSON that no reader of HTML takes for the end of its element, or for another one. In JSON these stand only in strings.
std::string without_markup(const std::string& json) {
    std::string text;
    for (const char c : json) {
        switch (c) {
            case '<': text += "\\u003c"; break;
            case '>': text += "\\u003e"; break;
            case '&': text += "\\u0026"; break;
            default: text += c;
        }
    }
    return text;
}

void fill_in(std::string& page, std::string_view place, const std::string& text) {
    page.replace(page.find(place), place.size(), text);
}

}  // namespace

std::string page_of(const Json& overview) {
    std::string page(page_text);
    fill_in(page, "@STYLE@", policy_hash(between(page_text, "<style>", "</style>")));
    fill_in(page, "@SCRIPT@", policy_hash(between(page_text, "<script>", "</script>")));
    fill_in(page, "@OVERVIEW@", without_markup(to_line(overview)));
    return page;
}

}  // namespace bootwright
