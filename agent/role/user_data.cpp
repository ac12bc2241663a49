#include "agent/role/user_data.hpp"

#include "agent/role/mime.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/yaml.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t largest_document = std::size_t{4} << 20U;  // unpacked
constexpr const char* invalid = "role.invalid";
constexpr const char* our_key = "bootwright";
constexpr const char* archive_type = "text/cloud-config-archive";

Error damaged(const std::string& origin, const std::string& why) {
    return permanent_error("role.user_data_damaged", origin + " " + why,
                           "pass the role config as JSON or YAML in UTF-8, or as gzip, base64 or both of it");
}

/// What a document that is not ours is for, by its first line.
std::string foreign_kind(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, const char*>, 9> kinds{{
        {"#!", "a script for cloud-init"},
        {"#cloud-config-jsonp", "a patch of cloud-configs (#cloud-config-jsonp) for cloud-init"},
        {"#cloud-boothook", "a boothook for cloud-init"},
        {"#include", "an include list for cloud-init"},
        {"#part-handler", "a part handler for cloud-init"},
        {"## template:", "a template for cloud-init"},
        {"<powershell>", "a script for Windows"},
        {"<script>", "a script for Windows"},
        {"rem cmd", "a script for Windows"},
    }};
    const std::string start = lower(text.substr(0, 64));
    for (const auto& [sign, kind] : kinds) {
        if (start.starts_with(sign)) {
            return kind;
        }
    }
    return "";
}

bool is_cloud_config(std::string_view text) { return lower(text.substr(0, 13)) == "#cloud-config"; }

/// Removes one layer. Base64 is recognised by what it decodes to: no JSON object and no YAML mapping is base64 itself.
std::optional<std::string> without_layer(const std::string& text, const std::string& origin) {
    if (is_gzip(text)) {
        auto unpacked = decompress_gzip(text, largest_document);
        if (!unpacked) {
            throw damaged(
                origin,
                "is gzip, but damaged, truncated, followed by something else, or larger than 4 MiB when unpacked");
        }
        return unpacked;
    }
    auto decoded = trimmed(text).starts_with('{') ? std::nullopt : decode_base64(text);
    const std::string bare = without_byte_order_mark(decoded.value_or(""));
    const bool is_known = is_gzip(bare) || is_text(bare) || is_cloud_config(bare) || !foreign_kind(bare).empty();
    const bool is_sensible = decoded && !text.empty() && is_known;
    return is_sensible ? decoded : std::nullopt;
}

struct Decoded {
    std::string text;
    bool was_packed = false;
};

Decoded decode(std::string text, const std::string& origin) {
    constexpr int most_layers = 4;
    Decoded decoded{without_byte_order_mark(std::move(text))};
    for (int layer = 0; layer < most_layers; ++layer) {
        auto inner = without_layer(decoded.text, origin);
        if (!inner || *inner == decoded.text) {
            break;
        }
        decoded = {without_byte_order_mark(std::move(*inner)), true};
    }
    return decoded;
}

bool is_archive(std::string_view text) { return lower(text.substr(0, 21)) == "#cloud-config-archive"; }

/// What data is that are no text; "" if they may be a role config of ours that was damaged.
std::string foreign_data(std::string_view data) {
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r') || c == '\x7F';
    };
    const bool is_binary = std::any_of(data.begin(), data.end(), is_control);
    const bool is_utf16 = data.starts_with("\xFE\xFF") || data.starts_with("\xFF\xFE");
    return is_binary && !is_utf16 && !trimmed(data).starts_with('{') ? "binary data of " + counted(data.size(), "byte")
                                                                     : "";
}

/// Why data that are no text are refused. Shows nothing of them.
std::string why_no_text(std::string_view data) {
    const std::vector<std::string> lines = split(std::string(data), '\n');
    const auto line = std::find_if_not(lines.begin(), lines.end(), is_text);
    return "is not plain text in UTF-8: line " + std::to_string(line - lines.begin() + 1) + " has other bytes";
}

/// The line, from 1 on, of a "#cloud-config" below other comments or "---"; 0 if there is none. cloud-init looks at
/// what a text begins with (its handlers/__init__.py, type_from_starts_with), and reads no such document.
std::size_t late_cloud_config(const std::string& text) {
    std::size_t number = 0;
    for (const std::string& line : split(text, '\n')) {
        ++number;
        const std::string_view words = trimmed(line);
        if (lower(words) == "#cloud-config") {
            return number;
        }
        if (!words.empty() && words.front() != '#' && words != "---") {
            return 0;
        }
    }
    return 0;
}

JsonDocument parse_document(std::string text, const std::string& origin) {
    const bool is_json = trimmed(text).starts_with('{');
    return is_json ? JsonDocument::parse(std::move(text), origin, invalid) : parse_yaml_document(text, origin, invalid);
}

/// The block whose key stands in line `key` of `text`, below as many empty lines as are before it, so that errors name lines
/// and columns of the whole. nullopt if `content` does not stand there word for word.
std::optional<std::string> block_in_place(const std::string& text, std::size_t key, const std::string& content) {
    const std::vector<std::string> lines = split(text, '\n');
    std::string block(key, '\n');
    std::size_t number = key;  // of the line, from 0 on
    for (const std::string& line : split(content, '\n')) {
        const std::string_view whole = number < lines.size() ? std::string_view(lines[number]) : "";
        ++number;
        if (!line.empty() && !(whole.ends_with(line) && trimmed(whole) == trimmed(line))) {
            return std::nullopt;
        }
        block += std::string(line.empty() ? "" : whole) + "\n";
    }
    return block;
}

/// The role config in `content`, which a #cloud-config has cloud-init write.
JsonDocument parse_content(const JsonDocument& files, const JsonDocument::Path& path, const std::string& content,
                           const std::string& text) {
    const std::string called = files.origin + ", " + cloud_config_file;
    const auto place = files.places.find(path);
    const auto block = place == files.places.end() ? std::nullopt : block_in_place(text, place->second.line, content);
    Decoded decoded = decode(block.value_or(content), called);
    const bool is_in_place = block && !decoded.was_packed;
    return parse_document(std::move(decoded.text), called + std::string(is_in_place ? "" : unpacked_suffix));
}

/// What a #cloud-config has cloud-init write to cloud_config_file: the recommended form, of which cloud-init does not complain.
std::optional<JsonDocument> parse_written_file(const std::string& text, const std::string& origin) {
    if (text.find(cloud_config_file) == std::string::npos) {
        return std::nullopt;
    }
    constexpr const char* key = "write_files";
    const JsonDocument files = parse_yaml_key(text, key, origin, invalid);
    const Json& list = member_at(files.root, key);
    std::optional<JsonDocument> found;
    for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
        if (string_at(list[i], "path") != cloud_config_file) {
            continue;
        }
        const JsonDocument::Path path{key, std::to_string(i), "content"};
        const Json& content = member_at(list[i], "content");
        if (!content.is_string()) {
            throw files.error_at(path, "expected the role config as a text", "write it below `content: |`");
        }
        if (found) {
            throw files.error_at(path, "a second role config", "keep one of them");
        }
        found = parse_content(files, path, content.get<std::string>(), text);
    }
    return found;
}

/// Our part of a #cloud-config. cloud-init complains about one that is malformed as a whole, unless it names us.
UserData parse_cloud_config(const std::string& text, const std::string& origin) {
    if (text.find(our_key) == std::string::npos) {
        return {.foreign = "a cloud-config for cloud-init"};
    }
    JsonDocument document = parse_yaml_key(text, our_key, origin, invalid);
    const auto ours = document.root.find(our_key);
    auto written = parse_written_file(text, origin);
    if (ours == document.root.end()) {
        return written ? UserData{.document = std::move(written)}
                       : UserData{.foreign = "a cloud-config for cloud-init, without a role config"};
    }
    if (written) {
        throw document.error_at({our_key}, std::string("a role config, and so is ") + cloud_config_file,
                                "keep one of them");
    }
    if (!ours->is_object()) {
        throw document.error_at({our_key}, "expected a mapping", "write the role config below it");
    }
    document.root = Json(*ours);
    document.above = {our_key};
    return {.document = std::move(document)};
}

UserData parse_text(std::string text, const std::string& origin);
UserData parse_archive(const std::string& text, const std::string& origin);

enum class Whole { message, archive };

/// One part of a MIME message or of an archive. Does not complain about a damaged part that is somebody else's.
/// @param lines_before those of what was served before its body, if the body stands there as it is
UserData parse_part(const MimePart& part, std::optional<std::size_t> lines_before, std::string called, Whole whole) {
    const bool is_ours = part.type == "text/x-bootwright" || part.filename.starts_with("bootwright.");
    const bool may_be_ours = is_ours || part.type == "text/cloud-config" || part.type == archive_type;
    try {
        if (!part.body) {
            throw damaged(called, "is not in the encoding that its header says");
        }
        const Decoded decoded = decode(*part.body, called);
        const bool is_unpacked = decoded.was_packed || !lines_before;
        called += is_unpacked ? unpacked_suffix : "";
        // The lines before it stay, as empty ones, so that errors name lines of the whole.
        const std::string body = std::string(is_unpacked ? 0 : *lines_before, '\n') + decoded.text;
        // Each level takes few bytes once it is compressed: deep ones would use up the stack.
        const bool is_nested = whole == Whole::archive && (is_archive(trimmed(body)) || part.type == archive_type);
        if (is_ours || (is_cloud_config(trimmed(body)) && !is_nested)) {
            UserData found = is_nested ? UserData{.foreign = "an archive in an archive"} : parse_text(body, called);
            if (is_ours && !found.foreign.empty()) {
                throw damaged(called, "is " + found.foreign + ", not a role config");
            }
            return found;
        }
        if (is_nested || !may_be_ours || !foreign_kind(trimmed(body)).empty()) {
            return {};
        }
        // A part of such a type needs no first line that says so.
        return part.type == archive_type ? parse_archive(body, called) : parse_cloud_config(body, called);
    } catch (const Error& error) {
        if (!may_be_ours && error.code == "role.user_data_damaged") {
            return {};
        }
        throw;
    }
}

/// @param lines_before those of what was served before the parts, if they stand there as they are
UserData parse_parts(const std::vector<MimePart>& parts, std::optional<std::size_t> lines_before,
                     const std::string& origin, Whole whole) {
    UserData found{.foreign = std::string(whole == Whole::message ? "a MIME message" : "an archive") +
                              " for cloud-init, none of whose parts is for bootwright"};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const MimePart& part = parts[i];
        const std::string name = part.filename.empty() ? part.type : part.filename;
        const std::string called =
            origin + ", part " + std::to_string(i + 1) + (name.empty() ? "" : " (" + shortened(name, 80) + ")");
        const auto lines =
            lines_before && part.lines_before ? std::optional(*lines_before + *part.lines_before) : std::nullopt;
        UserData one = parse_part(part, lines, called, whole);
        if (one.document && found.document) {
            throw permanent_error(invalid, called + " is a role config, and so is " + found.document->origin,
                                  "keep one of them");
        }
        if (one.document) {
            found = std::move(one);
        }
    }
    return found;
}

UserData parse_message(const std::string& text, std::optional<std::size_t> lines_before, const std::string& origin) {
    const auto parts = parse_mime(text);
    if (!parts) {
        throw damaged(origin, "is a MIME message that cannot be taken apart");
    }
    return parse_parts(*parts, lines_before, origin, Whole::message);
}

/// An item of an archive: a text, or a mapping with the text as `content`.
MimePart part_of(const JsonDocument& archive, std::size_t index, const std::string& text) {
    const Json& item = archive.root[index];
    JsonDocument::Path path{std::to_string(index)};
    if (item.is_object()) {
        path.emplace_back("content");
    }
    const std::string content = item.is_string() ? item.get<std::string>() : string_at(item, "content");
    MimePart part{lower(string_at(item, "type")), string_at(item, "filename"), content};
    const auto place = archive.places.find(path);
    if (place != archive.places.end()) {
        if (auto block = block_in_place(text, place->second.line, content)) {
            part.body = block->substr(place->second.line);
            part.lines_before = place->second.line;
        }
    }
    return part;
}

/// A list of parts, as cloud-init has it: https://docs.cloud-init.io/en/latest/explanation/format/cloud-config-archive.html.
/// As with a #cloud-config, cloud-init complains about one that is malformed as a whole, unless it names us.
UserData parse_archive(const std::string& text, const std::string& origin) {
    if (lower(text).find(our_key) == std::string::npos) {
        return {.foreign = "an archive for cloud-init"};
    }
    constexpr std::size_t most_parts = 100;
    const JsonDocument archive = parse_yaml_list(text, origin, invalid);
    if (archive.root.size() > most_parts) {
        throw archive.error_at({std::to_string(most_parts)}, "more than 100 parts", "pass fewer parts");
    }
    std::vector<MimePart> parts;
    for (std::size_t i = 0; i < archive.root.size(); ++i) {
        parts.push_back(part_of(archive, i, text));
    }
    return parse_parts(parts, 0, origin, Whole::archive);
}

UserData parse_text(std::string text, const std::string& origin) {
    if (trimmed(text).empty()) {
        return {};
    }
    if (std::string kind = foreign_kind(trimmed(text)); !kind.empty()) {
        return {.foreign = std::move(kind)};
    }
    if (!is_text(text)) {
        if (std::string kind = foreign_data(text); !kind.empty()) {
            return {.foreign = std::move(kind)};
        }
        if (is_cloud_config(trimmed(text)) && text.find(our_key) == std::string::npos) {
            return {.foreign = "a cloud-config for cloud-init"};
        }
        throw damaged(origin, why_no_text(text));
    }
    if (is_archive(trimmed(text))) {
        return parse_archive(text, origin);
    }
    if (is_cloud_config(trimmed(text))) {
        return parse_cloud_config(text, origin);
    }
    if (const std::size_t line = late_cloud_config(text); line > 0) {
        if (text.find(our_key) == std::string::npos) {
            return {.foreign = "a cloud-config that cloud-init does not read: it does not begin with #cloud-config"};
        }
        throw permanent_error(invalid,
                              origin + ":" + std::to_string(line) +
                                  ": #cloud-config stands below other lines: cloud-init does not read such a document",
                              "make #cloud-config the first line");
    }
    JsonDocument document = parse_document(std::move(text), origin);
    if (document.root.contains("ignition")) {
        return {.foreign = "a configuration for Ignition"};
    }
    return {.document = std::move(document)};
}

}  // namespace

UserData parse_user_data(const std::string& served, const std::string& origin) {
    Decoded decoded = decode(served, origin);
    const std::string message(trimmed(decoded.text));
    if (!is_mime(message)) {
        return parse_text(std::move(decoded.text), origin + std::string(decoded.was_packed ? unpacked_suffix : ""));
    }
    const std::string_view space = std::string_view(decoded.text).substr(0, decoded.text.find(message));
    const auto lines = static_cast<std::size_t>(std::count(space.begin(), space.end(), '\n'));
    return parse_message(message, decoded.was_packed ? std::nullopt : std::optional(lines), origin);
}

}  // namespace bootwright
