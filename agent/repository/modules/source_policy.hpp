#pragma once

#include "common/net/url.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// Where a tree says that a part of it comes from (.gitmodules, Puppetfile). Whoever may push writes that, so this file
/// alone decides what it may name.

/// The URL as the fetch understands it: "user@host:/path" becomes ssh://user@host/path, "user@host:path"
/// ssh://user@host/./path, which path_of() reads; an absolute path becomes file://PATH with the %XX that it needs.
/// Anything else stays as it is. Ask why_url_is_refused() next.
std::string as_git_url(std::string_view source);

/// Why the URL is not fetched. Returns nullopt if it may be: https, http, ssh, git or file, with a plain host. The reason never
/// quotes the URL, which may hold a password.
std::optional<std::string> why_url_is_refused(std::string_view url);
/// The same for a URL that is read already.
std::optional<std::string> why_not_fetched(const Url& url);

/// Why nothing is put at this path of a checkout. Returns nullopt if the path stays inside, away from git's own files.
std::optional<std::string> why_path_is_refused(std::string_view path);

}  // namespace bootwright
