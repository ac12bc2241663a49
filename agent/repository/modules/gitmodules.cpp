#include "agent/repository/modules/gitmodules.hpp"

#include "agent/repository/modules/source_policy.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace bootwright {

namespace {

std::string place_of(const Gitmodules& file, int line) {
    return file.folder + ".gitmodules, line " + std::to_string(line);
}

/// @param named_at as place_of() makes it; "" if the file does not name the submodule
[[noreturn]] void refuse(const std::string& path, const std::string& named_at, const std::string& why) {
    throw permanent_error("repository.submodule",
                          "the submodule at " + shortened(path, 200) + (named_at.empty() ? "" : " (" + named_at + ")") +
                              " is not fetched: " + why,
                          "correct .gitmodules in the control repository, or vendor the submodule: put its files into "
                          "the control repository itself");
}

/// Reads git's configuration syntax (git-config(1), "Syntax"; config.c of git).
class ConfigReader {
public:
    explicit ConfigReader(const Gitmodules& file) : file_(file), text_(file.text) {
        if (text_.starts_with("\xEF\xBB\xBF")) {
            at_ = 3;
        }
    }

    struct Entry {
        std::string section;     ///< in lower case
        std::string subsection;  ///< `name` of [section "name"]
        std::string key;         ///< in lower case
        std::string value;
        int line;
    };

    /// Reads the next `key = value`. Returns nullopt at the end.
    std::optional<Entry> next() {
        for (;;) {
            skip_white_space();
            if (at_ == text_.size()) {
                return std::nullopt;
            }
            if (peek() == '#' || peek() == ';') {
                skip_line();
            } else if (peek() == '[') {
                read_section();
            } else {
                return read_entry();
            }
        }
    }

private:
    [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }
    char take() {
        const char c = peek();
        at_ = at_ < text_.size() ? at_ + 1 : at_;
        line_ += c == '\n' ? 1 : 0;
        return c;
    }
    [[noreturn]] void fail(const std::string& why) const {
        throw permanent_error("repository.submodule", place_of(file_, line_) + ": " + why,
                              "correct the file; `git config --file .gitmodules --list` must read it");
    }
    static bool is_word(char c) { return is_alphanumeric(c) || c == '-' || c == '.'; }
    void skip_white_space() {
        while (at_ < text_.size() && std::string_view(" \t\r\n\f\v").find(peek()) != std::string_view::npos) {
            take();
        }
    }
    void skip_blanks() {
        while (peek() == ' ' || peek() == '\t') {
            take();
        }
    }
    void skip_line() {
        while (at_ < text_.size() && take() != '\n') {
        }
    }
    std::string read_word() {
        std::string word;
        while (is_word(peek())) {
            word += take();
        }
        return lower(word);
    }

    void read_section() {
        take();
        section_ = read_word();
        subsection_.clear();
        skip_blanks();
        if (peek() == '"') {
            take();
            read_subsection();
        } else if (const std::size_t dot = section_.find('.'); dot != std::string::npos) {
            subsection_ = section_.substr(dot + 1);  // the deprecated [section.name]
            section_.resize(dot);
        }
        if (section_.empty() || take() != ']') {
            fail("this is no section, such as [submodule \"name\"]");
        }
    }
    void read_subsection() {
        while (peek() != '"') {
            if (peek() == '\\') {
                take();
            }
            if (peek() == '\n') {
                fail("the section's name has no end");
            }
            subsection_ += take();
        }
        take();
    }

    Entry read_entry() {
        const int line = line_;
        Entry entry{section_, subsection_, read_word(), {}, line};
        if (entry.key.empty() || section_.empty()) {
            fail(section_.empty() ? "there is no section before this line" : "expected `key = value`");
        }
        skip_blanks();
        if (peek() == '=') {
            take();
            entry.value = read_value();
        } else if (peek() != '\n' && peek() != '\r' && peek() != '#' && peek() != ';') {
            fail("expected `key = value`");
        }
        return entry;
    }

    /// Up to the line's end or a comment; white space at both ends is not part of it, unless it is quoted.
    std::string read_value() {
        std::string value;
        std::size_t kept = 0;  // its length without trailing white space
        bool quoted = false;
        skip_blanks();
        for (;;) {
            const char c = peek();
            if (c == '\n') {
                break;
            }
            if (!quoted && (c == '#' || c == ';')) {
                skip_line();
                break;
            }
            take();
            if (c == '"') {
                quoted = !quoted;
                kept = value.size();
            } else if (c == '\\') {
                read_escaped(value);
                kept = value.size();
            } else {
                value += c;
                if (quoted || (c != ' ' && c != '\t' && c != '\r')) {
                    kept = value.size();
                }
            }
        }
        if (quoted) {
            fail("the value has a quote without its end");
        }
        value.resize(kept);
        return value;
    }
    void read_escaped(std::string& value) {
        if (peek() == '\r') {
            take();
            if (peek() != '\n') {
                fail("the value has an escape that git does not know");
            }
        }
        if (at_ == text_.size()) {
            return;
        }
        switch (take()) {
            case '\n': break;  // the value goes on on the next line
            case 't': value += '\t'; break;
            case 'n': value += '\n'; break;
            case 'b': value += '\b'; break;
            case '"': value += '"'; break;
            case '\\': value += '\\'; break;
            default: fail("the value has an escape that git does not know");
        }
    }

    const Gitmodules& file_;
    std::string_view text_;
    std::size_t at_ = 0;
    int line_ = 1;
    std::string section_;
    std::string subsection_;
};

struct Submodule {
    std::optional<ConfigReader::Entry> path;
    std::optional<ConfigReader::Entry> url;
};

bool is_relative(std::string_view url) { return url.starts_with("./") || url.starts_with("../"); }

/// As git does it (remote.c, relative_url), but refuses what would climb above the host and so change it.
Url resolve(std::string_view relative, const Url& parent, const std::string& path, const std::string& named_at) {
    if (const auto why = why_not_fetched(parent)) {
        refuse(path, named_at, "its URL is relative, and of the control repository's: " + *why);
    }
    std::string base = parent.target();
    if (base.ends_with('/')) {
        base.pop_back();
    }
    while (is_relative(relative)) {
        const bool up = relative.starts_with("../");
        relative.remove_prefix(up ? 3 : 2);
        if (up && (base.empty() || base == "/.")) {  // "/./x" is x in the user's own folder
            refuse(path, named_at, "its relative URL climbs above the host");
        }
        if (up) {
            base.resize(base.rfind('/'));
        }
    }
    if (relative.ends_with('/')) {
        relative.remove_suffix(1);
    }
    for (const std::string& component : split(relative, '/')) {
        if (component.empty() || component == "." || component == "..") {
            refuse(path, named_at, "its relative URL holds \"" + component + "\" between slashes");
        }
    }
    try {
        return parent.with_target(base + "/" + std::string(relative));
    } catch (const Error& error) {
        refuse(path, named_at, error.message);  // it quotes nothing
    }
}

}  // namespace

std::map<std::string, NamedSubmodule> read_gitmodules(const Gitmodules& file) {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    if (file.text.size() > largest) {
        throw permanent_error("repository.submodule", file.folder + ".gitmodules is larger than 1 MiB",
                              "vendor the submodules: put their files into the control repository itself");
    }
    std::map<std::string, Submodule> by_name;
    ConfigReader reader(file);
    while (const auto entry = reader.next()) {
        if (entry->section != "submodule" || (entry->key != "path" && entry->key != "url")) {
            continue;
        }
        Submodule& submodule = by_name[entry->subsection];
        std::optional<ConfigReader::Entry>& place = entry->key == "path" ? submodule.path : submodule.url;
        if (place && place->value != entry->value) {
            throw permanent_error("repository.submodule",
                                  place_of(file, entry->line) + ": a second " + entry->key + " for the submodule \"" +
                                      shortened(entry->subsection, 200) + "\"",
                                  "remove one of them");
        }
        place = entry;
    }
    std::map<std::string, NamedSubmodule> submodules;
    for (const auto& [name, submodule] : by_name) {
        if (!submodule.path) {
            continue;  // git has no place for it either
        }
        const std::string& path = submodule.path->value;
        if (const auto why = why_path_is_refused(path)) {
            refuse("\"" + file.folder + path + "\"", place_of(file, submodule.path->line), *why);
        }
        const NamedSubmodule named = submodule.url ? NamedSubmodule{submodule.url->value, submodule.url->line}
                                                   : NamedSubmodule{"", submodule.path->line};
        if (!submodules.emplace(path, named).second) {
            refuse(file.folder + path, place_of(file, submodule.path->line),
                   "two entries of .gitmodules name this path");
        }
    }
    return submodules;
}

SubmoduleSource submodule_source(const Gitmodules& file, const std::string& path, const Url& parent) {
    const std::string whole_path = file.folder + path;
    if (const auto why = why_path_is_refused(path)) {
        refuse("\"" + whole_path + "\"", "", *why);
    }
    const auto submodules = read_gitmodules(file);
    const auto found = submodules.find(path);
    const std::string named_at = found == submodules.end() ? "" : place_of(file, found->second.line);
    if (found == submodules.end() || found->second.written.empty()) {
        refuse(whole_path, named_at, file.folder + ".gitmodules names no URL for it");
    }
    const std::string& written = found->second.written;
    if (is_relative(written)) {
        return {resolve(written, parent, whole_path, named_at), named_at};
    }
    const std::string text = as_git_url(written);
    if (const auto why = why_url_is_refused(text)) {
        refuse(whole_path, named_at, *why);
    }
    Url url(text);
    if (url.scheme() == "file" && parent.scheme() != "file") {
        refuse(whole_path, named_at,
               "its URL is a file of this machine, but the control repository comes from elsewhere");
    }
    return {url, named_at};
}

}  // namespace bootwright
