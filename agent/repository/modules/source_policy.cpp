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

}  // namespace

std::string as_git_url(std::string_view source) {
    if (source.starts_with('/') && !source.starts_with("//")) {
        return "file://" + percent_encoded(source, R"(/-._~+,=:!"$&'()*;<>@[]^`{|})");
    }
    if (source.find("://") != std::string_view::npos) {
        return std::string(source);
    }
    // As git does it (connect.c, parse_connect_url): a colon before any slash, outside an IPv6 address's brackets.
    const std::size_t bracket = source.find("]:");
    const std::size_t colon = bracket == std::string_view::npos ? source.find(':') : bracket + 1;
    if (colon == std::string_view::npos || colon == 0 || source.find('/') < colon ||
        source.substr(colon).starts_with("::")) {  // "ext::", a transport helper: a command line
        return std::string(source);
    }
    const std::string_view path = source.substr(colon + 1);
    return "ssh://" + std::string(source.substr(0, colon)) + (path.starts_with('/') ? "" : "/") +
           percent_encoded(path, kept_in_path);
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
