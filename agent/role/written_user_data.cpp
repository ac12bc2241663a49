#include "agent/role/written_user_data.hpp"

#include "agent/role/user_data.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <string_view>

namespace bootwright {

namespace {

/// Base64 in the lines of RFC 2045, section 6.8.
std::string in_lines(const std::string& base64) {
    constexpr std::size_t width = 76;
    std::string lines;
    for (std::size_t i = 0; i < base64.size(); i += width) {
        lines += base64.substr(i, width) + "\n";
    }
    return lines;
}

/// Python's reader of mail, which is cloud-init's, mangles a text beyond ASCII that is not encoded; RFC 5322, section 2.1.1,
/// limits a line to 998 letters; and what is printed for people is made safe.
bool may_stand_as_it_is(const std::string& text) {
    const std::vector<std::string> lines = split(text, '\n');
    return std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
        return line.size() <= 998 && std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
    });
}

/// The line's end before a boundary belongs to the boundary (RFC 2046, section 5.1.1).
std::string part(const std::string& headers, const std::string& text) {
    return headers +
           (may_stand_as_it_is(text) ? "\n" + text
                                     : "Content-Transfer-Encoding: base64\n\n" + in_lines(encode_base64(text))) +
           "\n";
}

}  // namespace

std::string as_plain(const Json& role) {
    constexpr int indent = 2;
    return role.dump(indent, ' ', true) + "\n";
}

std::string as_cloud_config(const Json& role) {
    std::string config = std::string("#cloud-config\nwrite_files:\n  - path: ") + cloud_config_file +
                         "\n    permissions: \"0600\"\n    content: |\n";
    for (const std::string& line : split(trimmed(as_plain(role)), '\n')) {
        config += "      " + line + "\n";
    }
    return config;
}

std::string as_mime(const Json& role, const std::string& theirs) {
    // cloud-init looks at what a part of this type begins with. It reads one part after the other, and of two lists it keeps the
    // first, unless a part says otherwise: https://docs.cloud-init.io/en/latest/reference/merging.html
    const std::string text = theirs.empty() ? "" : part("Content-Type: text/plain; charset=\"utf-8\"\n", theirs);
    const std::string ours = part(
        "Content-Type: text/cloud-config; charset=\"utf-8\"\n"
        "Merge-Type: list(append)+dict(no_replace,recurse_list)+str()\n",
        as_cloud_config(role));
    std::string boundary = "part-of-user-data";
    while ((text + ours).find("--" + boundary) != std::string::npos) {
        boundary += "-";
    }
    const std::string begin = "--" + boundary + "\n";
    return "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\nMIME-Version: 1.0\n\n" +
           (text.empty() ? "" : begin + text) + begin + ours + "--" + boundary + "--\n";
}

}  // namespace bootwright
