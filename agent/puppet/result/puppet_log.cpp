#include "agent/puppet/result/puppet_log.hpp"

#include "common/base/text.hpp"
#include "common/documents/json.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t longest_message = 500;

/// The end of "Type[title]" that begins at `begin`, or `begin` where none does. A title may hold slashes and brackets: it
/// ends with the bracket that closes the first.
std::size_t resource_end(const std::string& source, std::size_t begin) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:";
    std::size_t at = source.find_first_not_of(letters, begin);
    if (at == std::string::npos || at == begin || source[at] != '[') {
        return begin;
    }
    int depth = 0;
    for (; at < source.size(); ++at) {
        depth += source[at] == '[' ? 1 : source[at] == ']' ? -1 : 0;
        if (depth == 0) {
            return at + 1;
        }
    }
    return begin;
}

/// `text` without the ciphertext in "ENC[PKCS7,…]", which is long, says nothing, and hides what comes after it.
std::string without_ciphertext(std::string text) {
    constexpr std::string_view mark = "ENC[";
    constexpr std::size_t shown_of_it = 12;  // "PKCS7,MIIBig"
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
        at += mark.size();
        const std::size_t end =
            text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_, \n", at);
        if (end != std::string::npos && text[end] == ']' && end - at > shown_of_it) {
            text.replace(at + shown_of_it, end - at - shown_of_it, "…");
        }
    }
    return text;
}

/// Puppet's "(file: …, line: …)", the last in the text: the place in the code that somebody has to look at. Empty if there is none.
std::string_view place_in(std::string_view text) {
    const std::size_t begin = text.rfind("(file: ");
    const std::size_t end = begin == std::string_view::npos ? begin : text.find(')', begin);
    return end == std::string_view::npos ? std::string_view() : text.substr(begin, end + 1 - begin);
}

/// `text` in at most so many bytes: its first line, its end, and the place in the code, wherever that stands.
std::string shortened_message(const std::string& text) {
    std::string result = shortened_within(text, longest_message);
    const std::string_view place = place_in(text);
    if (place.empty() || place.size() > longest_message / 2 || result.find(place) != std::string::npos) {
        return result;
    }
    return shortened_within(text, longest_message - place.size() - 1) + " " + std::string(place);
}

}  // namespace

bool LogEntry::is_failed_generation() const {
    return is_error() && is_of_resource() && message.starts_with("Failed to generate additional resources");
}

std::string shown(std::string text, const PuppetTraces& traces) {
    for (const std::string& folder : traces.folders) {
        const std::string prefix = folder + "/";
        for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at)) {
            text.erase(at, prefix.size());
        }
    }
    return shortened_message(without_ciphertext(traces.redactor.cleaned(text)));
}

std::vector<LogEntry> read_log(const PuppetTraces& traces) {
    std::vector<LogEntry> entries;
    for (const std::string& text : split(traces.log, '\n')) {
        const Json json = parse_json(text);
        const std::string level = string_at(json, "level");
        if (level.empty() || level == "notice" || level == "info" || level == "debug") {
            continue;
        }
        LogEntry entry{level,
                       shown(string_at(json, "message"), traces),
                       shown(string_at(json, "source"), traces),
                       shown(string_at(json, "file"), traces),
                       static_cast<int>(number_at(json, "line")),
                       static_cast<int>(number_at(json, "pos")),
                       string_at(json, "issue_code")};
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::optional<SeenEnvironment> shown_environment(const std::optional<Observation>& seen, const PuppetTraces& traces) {
    if (!seen || !seen->environment) {
        return std::nullopt;
    }
    SeenEnvironment environment = *seen->environment;
    for (std::string* text : {&environment.manifest, &environment.node}) {
        *text = shown(*text, traces);
    }
    for (auto* names : {&environment.classes, &environment.nodes}) {
        for (std::string& name : *names) {
            name = shown(name, traces);
        }
    }
    return environment;
}

std::string with_place(const LogEntry& entry) {
    const bool has_place = !entry.file.empty() && entry.line > 0 && entry.message.find("line: ") == std::string::npos;
    const std::string column = entry.column > 0 ? ", column: " + std::to_string(entry.column) : "";
    return entry.message +
           (has_place ? " (file: " + entry.file + ", line: " + std::to_string(entry.line) + column + ")" : "");
}

std::string resource_of(const std::string& source) {
    std::string resource = source;
    std::size_t at = 0;
    while (at < source.size()) {
        const std::size_t begin = at + (source[at] == '/' ? 1U : 0U);
        const std::size_t end = resource_end(source, begin);
        if (end > begin) {
            resource = source.substr(begin, end - begin);
        }
        at = std::min(source.find('/', std::max(end, begin)), source.size());
    }
    return resource;
}

}  // namespace bootwright
