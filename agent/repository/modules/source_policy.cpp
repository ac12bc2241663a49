#include "agent/repository/modules/source_policy.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace bootwright {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20U || c == '\x7F'; }

bool has_control(std::string_view text) { return std::any_of(text.begin(), text.end(), is_control); }

constexpr std::string_view kept_in_path = "/-._~+,=:";

/// A URL that is written as one means the folder itself by "/./"; path_of() would take it for the user's own.
std::string without_leading_dots(std::string_view url) {
    std::string plain(url);
    const std::size_t path = plain.starts_with("ssh://") ? plain.find('/', 6) : std::string::npos;
    while (path != std::string::npos && plain.substr(path, 3) == "/./") {
        plain.erase(path, 2);
    }
    return plain;
}

/// "[git@host:2222]" is a host with its port; the brackets of an IPv6 address stay (connect.c of git, host_end).
std::string without_brackets(std::string_view host) {
    std::string plain(host);
    const std::size_t begin = plain.find('[');
    const bool is_bracketed =
        plain.ends_with(']') && (begin == 0 || (begin != std::string::npos && plain[begin - 1] == '@'));
    if (is_bracketed && std::count(plain.begin() + static_cast<std::ptrdiff_t>(begin), plain.end(), ':') < 2) {
        plain.pop_back();
        plain.erase(begin, 1);
    }
    return plain;
}

/// The path of "host:path": one that begins with no slash is in the folder where the server puts the user.
std::string path_on_host(std::string_view path) {
    const bool is_plain = path.empty() || path.starts_with('/');
    return (is_plain                ? path.empty() ? "/" : ""
            : path.starts_with('~') ? "/"
                                    : "/./") +
           percent_encoded(path, kept_in_path);
}

}  // namespace

std::string as_git_url(std::string_view source) {
    if (source.starts_with('/') && !source.starts_with("//")) {
        return "file://" + percent_encoded(source, R"(/-._~+,=:!"$&'()*;<>@[]^`{|})");
    }
    if (source.find("://") != std::string_view::npos) {
        return without_leading_dots(source);
    }
    // As git does it (connect.c, parse_connect_url): a colon before any slash, outside an IPv6 address's brackets.
    const std::size_t bracket = source.find("]:");
    const std::size_t colon = bracket == std::string_view::npos ? source.find(':') : bracket + 1;
    if (colon == std::string_view::npos || colon == 0 || source.find('/') < colon ||
        source.substr(colon).starts_with("::")) {  // "ext::", a transport helper: a command line
        return std::string(source);
    }
    return "ssh://" + without_brackets(source.substr(0, colon)) + path_on_host(source.substr(colon + 1));
}

std::optional<std::string> why_url_is_refused(std::string_view text) {
    if (const auto why = Url::why_refused(text)) {
        return "its URL is refused: " + *why;
    }
    return why_not_fetched(Url(text));
}

std::optional<std::string> why_not_fetched(const Url& url) {
    constexpr std::array<std::string_view, 5> schemes{"https", "http", "ssh", "git", "file"};
    if (std::find(schemes.begin(), schemes.end(), url.scheme()) == schemes.end()) {
        return "its URL is none of https, http, ssh, git and file";
    }
    if (url.path() == "/") {
        return "its URL names no repository on the host";
    }
    if (url.exposes_credentials()) {
        return "the user and password of its URL would go over the network in clear";
    }
    return std::nullopt;
}

std::optional<std::string> why_path_is_refused(std::string_view path) {
    constexpr std::size_t longest = 1000;
    if (path.empty() || path.size() > longest) {
        return path.empty() ? "its path is empty" : "its path is longer than 1000 bytes";
    }
    if (path.front() == '/') {
        return "its path is absolute: it would lie outside the checkout";
    }
    if (has_control(path) || path.find('\\') != std::string_view::npos) {
        return "its path holds a backslash or a control character";
    }
    for (const std::string& component : split(path, '/')) {
        if (component.empty() || component == "." || component == "..") {
            return "its path holds \"" + component + "\" between slashes";
        }
        if (lower(component) == ".git" || lower(component) == "git~1") {
            return "its path holds \"" + component + "\", which is git's own";
        }
    }
    return std::nullopt;
}

}  // namespace bootwright
