#include "agent/role/mime.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <charconv>
#include <map>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace {

struct Malformed {};

std::string without_carriage_returns(std::string text) {
    std::erase(text, '\r');
    return text;
}

/// The parts of a header field: "text/plain; charset=us-ascii; name=\"x\"".
struct Field {
    std::string value;  ///< in lower case
    std::map<std::string, std::string> parameters;
};

Field parse_field(const std::string& text) {
    Field field;
    std::string current;
    bool is_quoted = false;
    std::vector<std::string> pieces;
    for (const char c : text + ";") {
        is_quoted = c == '"' ? !is_quoted : is_quoted;
        if (c == ';' && !is_quoted) {
            pieces.emplace_back(trimmed(current));
            current.clear();
        } else if (c != '"') {
            current += c;
        }
    }
    field.value = pieces.empty() ? "" : lower(pieces.front());
    for (const std::string& piece : pieces) {
        const std::size_t equals = piece.find('=');
        if (equals != std::string::npos) {
            field.parameters[lower(trimmed(piece.substr(0, equals)))] = trimmed(piece.substr(equals + 1));
        }
    }
    return field;
}

/// The value of a parameter, which may be in another character set (`name*`), or in pieces (`name*0`, `name*1*`): RFC 2231.
std::string parameter(const Field& field, const std::string& name) {
    std::string value;
    const auto append = [&](const std::string& key, bool is_first) {
        if (const auto plain = field.parameters.find(key); plain != field.parameters.end()) {
            value += plain->second;
            return true;
        }
        const auto encoded = field.parameters.find(key + "*");
        if (encoded == field.parameters.end()) {
            return false;
        }
        const std::string_view text = encoded->second;
        value += percent_decoded(is_first ? text.substr(text.rfind('\'') + 1) : text);  // after CHARSET'LANGUAGE'
        return true;
    };
    if (!append(name, true)) {
        for (int piece = 0; append(name + "*" + std::to_string(piece), piece == 0); ++piece) {
        }
    }
    return value;
}

/// Without the folders, which some programs write before it, and which mean nothing elsewhere (RFC 2183, section 2.3).
std::string filename_of(const Field& disposition, const Field& type) {
    const std::string given = parameter(disposition, "filename");
    const std::string name = given.empty() ? parameter(type, "name") : given;
    return name.substr(name.find_last_of("/\\") + 1);
}

/// A piece of a message.
struct Lines {
    std::string text;
    std::size_t lines_before;
};

/// Headers up to the first empty line, and what follows it. A line that begins with white space continues the one
/// before.
struct Entity {
    std::map<std::string, std::string> headers;
    std::string body;
    std::size_t lines_before = 0;  ///< those of the message before the body

    [[nodiscard]] Field field(const char* name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? Field{} : parse_field(found->second);
    }
};

Entity parse_entity(const Lines& part) {
    const std::string& text = part.text;
    Entity entity{.lines_before = part.lines_before};
    std::string last;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        ++entity.lines_before;
        if (line.empty()) {
            break;
        }
        const std::size_t colon = line.find(':');
        if ((line.front() == ' ' || line.front() == '\t') && !last.empty()) {
            entity.headers[last] += line;
        } else if (colon != std::string::npos) {
            last = lower(trimmed(line.substr(0, colon)));
            entity.headers[last] = trimmed(line.substr(colon + 1));
        }
    }
    entity.body = at < text.size() ? text.substr(at) : "";
    return entity;
}

std::optional<std::string> decode_quoted_printable(const std::string& text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        if (text[i] != '=') {
            decoded += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '\n') {
            ++i;  // a line that goes on
        } else if (i + 2 < text.size() && std::from_chars(&text[i + 1], &text[i] + 3, value, 16).ptr == &text[i] + 3) {
            decoded += static_cast<char>(value);
            i += 2;
        } else {
            return std::nullopt;
        }
    }
    return decoded;
}

std::optional<std::string> decode_body(const Entity& entity) {
    const std::string encoding = entity.field("content-transfer-encoding").value;
    if (encoding == "base64") {
        return decode_base64(entity.body);
    }
    if (encoding == "quoted-printable") {
        return decode_quoted_printable(entity.body);
    }
    const bool is_plain = encoding.empty() || encoding == "7bit" || encoding == "8bit" || encoding == "binary";
    return is_plain ? std::optional(entity.body) : std::nullopt;
}

/// What stands between the lines "--BOUNDARY", up to "--BOUNDARY--".
std::vector<Lines> split_parts(const Entity& entity, const std::string& boundary) {
    std::vector<Lines> parts;
    std::size_t number = entity.lines_before;
    for (const std::string& line : split(entity.body, '\n')) {
        const std::string_view mark = trimmed(line);
        ++number;
        if (mark == "--" + boundary + "--") {
            return parts;
        }
        if (mark == "--" + boundary) {
            parts.push_back({"", number});
        } else if (!parts.empty()) {
            parts.back().text += line + "\n";
        }
    }
    return parts;  // many programs forget the last line
}

void collect_parts(const Lines& text, int level, std::vector<MimePart>& parts) {
    constexpr int deepest_level = 4;
    constexpr std::size_t most_parts = 100;
    const Entity entity = parse_entity(text);
    const Field type = entity.field("content-type");
    if (!type.value.starts_with("multipart/")) {
        parts.push_back({type.value, filename_of(entity.field("content-disposition"), type), decode_body(entity), {}});
        if (parts.back().body == entity.body) {
            parts.back().lines_before = entity.lines_before;
        }
        if (parts.size() > most_parts) {
            throw Malformed{};
        }
        return;
    }
    const auto boundary = type.parameters.find("boundary");
    if (boundary == type.parameters.end() || boundary->second.empty() || level >= deepest_level) {
        throw Malformed{};
    }
    for (const Lines& part : split_parts(entity, boundary->second)) {
        collect_parts(part, level + 1, parts);
    }
}

}  // namespace

bool is_mime(const std::string& text) {
    const std::string start = lower(std::string_view(text).substr(0, 4096));  // as far as cloud-init looks
    if (start.starts_with("content-type:") || start.starts_with("from ")) {
        return true;
    }
    for (const std::string& line : split(start, '\n')) {
        const bool goes_on = line.starts_with(' ') || line.starts_with('\t');
        const std::string name = line.substr(0, line.find(':'));
        if (name == "mime-version") {
            return true;
        }
        if (!goes_on && (name.size() == line.size() || name.find_first_of(" #{\"") != std::string::npos)) {
            return false;
        }
    }
    return false;
}

std::optional<std::vector<MimePart>> parse_mime(const std::string& text) {
    std::vector<MimePart> parts;
    try {
        collect_parts({without_carriage_returns(text), 0}, 0, parts);
    } catch (const Malformed&) {
        return std::nullopt;
    }
    return parts;
}

}  // namespace bootwright
