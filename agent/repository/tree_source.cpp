#include "agent/repository/tree_source.hpp"

#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace bootwright {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20U || c == '\x7F'; }

bool has_control(std::string_view text) { return std::any_of(text.begin(), text.end(), is_control); }

/// git once handed "%0a" of a URL decoded to its credential helpers (CVE-2020-5260): nobody needs such a byte.
bool has_encoded_control(std::string_view url) {
    for (std::size_t at = url.find('%'); at != std::string_view::npos; at = url.find('%', at + 1)) {
        const std::string_view digits = url.substr(at + 1, 2);
        if (digits.size() == 2 && (digits[0] == '0' || digits[0] == '1' || lower(digits) == "7f")) {
            return true;
        }
    }
    return false;
}

/// A name, an address, or [an IPv6 address]; with a port or without. No "-" at its begin, since ssh and git would take it
/// for an option, and no "%", which they may decode to one.
bool is_host(std::string_view host) {
    if (host.starts_with('[')) {
        const std::size_t end = host.find(']');
        if (end == std::string_view::npos || end < 2) {
            return false;
        }
        const std::string_view address = host.substr(1, end - 1);
        const std::string_view rest = host.substr(end + 1);
        return address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
               (rest.empty() ||
                (rest.front() == ':' && rest.substr(1).find_first_not_of("0123456789") == std::string_view::npos));
    }
    const std::size_t colon = std::min(host.find(':'), host.size());
    const std::string_view name = host.substr(0, colon);
    const std::string_view port = host.substr(std::min(colon + 1, host.size()));
    return !name.empty() && is_alphanumeric(name.front()) && std::all_of(name.begin(), name.end(), [](char c) {
        return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
    }) && port.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string as_git_url(std::string_view source) {
    if (source.starts_with('/') && !source.starts_with("//")) {
        return "file://" + std::string(source);
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
    return "ssh://" + std::string(source.substr(0, colon)) + (path.starts_with('/') ? "" : "/") + std::string(path);
}

std::optional<std::string> why_url_is_refused(std::string_view url) {
    constexpr std::size_t longest = 2000;
    if (url.empty()) {
        return "its URL is empty";
    }
    if (url.size() > longest) {
        return "its URL is longer than 2000 bytes";
    }
    if (has_control(url) || has_encoded_control(url) || url.find_first_of(" \\") != std::string_view::npos) {
        return "its URL holds a space, a backslash or a control character";
    }
    if (url.front() == '-') {
        return "its URL begins with \"-\"";
    }
    constexpr std::array<std::string_view, 5> schemes{"https", "http", "ssh", "git", "file"};
    const std::size_t end = url.find("://");
    const std::string_view scheme = url.substr(0, end);
    if (end == std::string_view::npos || std::find(schemes.begin(), schemes.end(), scheme) == schemes.end()) {
        return "its URL is none of https, http, ssh, git and file";
    }
    const std::string_view rest = url.substr(end + 3);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos || slash + 1 == rest.size()) {
        return "its URL names no repository on the host";
    }
    if (scheme == "file") {
        return slash == 0 ? std::nullopt : std::optional<std::string>("its file URL does not begin with file:///");
    }
    const std::string_view authority = rest.substr(0, slash);
    const std::size_t at = authority.rfind('@');
    const std::string_view host = authority.substr(at == std::string_view::npos ? 0 : at + 1);
    if (!is_host(host) || authority.front() == '-') {
        return "its URL names no plain host";
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
