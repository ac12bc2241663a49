#include "agent/role/role_values.hpp"

#include "common/base/error.hpp"
#include "common/base/registered.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace bootwright {

namespace {

/// Why a repository cannot be there. Returns nullopt if it may be.
std::optional<std::string> why_no_place(const std::string& text) {
    std::vector<std::string> schemes{"https", "http", "ssh", "git", "file"};
    for (const UrlScheme* store : Registered<UrlScheme>::all()) {
        schemes.emplace_back(store->name);
    }
    if (auto why = Url::why_refused(text)) {
        return why;
    }
    const Url url(text);
    if (std::find(schemes.begin(), schemes.end(), url.scheme()) == schemes.end()) {
        return "it is none of " + joined(schemes, ", ");
    }
    return url.exposes_credentials() ? std::optional<std::string>("its credentials would go over the network in clear")
                                     : std::nullopt;
}

}  // namespace

bool is_class_name(std::string_view text) {
    while (true) {
        const std::size_t separator = text.find("::");
        if (!is_name(text.substr(0, separator))) {
            return false;
        }
        if (separator == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(separator + 2);
    }
}

bool is_ref_name(std::string_view text) {
    return is_made_of(text, "_./-+", 200) && text.front() != '-' && text.find("..") == std::string_view::npos;
}

Url read_place(const std::string& text, const std::string& key, const std::string& expected, const std::string& example,
               const ObjectReader& reader) {
    if (const auto why = why_no_place(text)) {
        throw reader.error(key, expected + ": " + *why, example);
    }
    return Url(text);
}

bool is_environment(std::string_view text) {
    return text.size() <= 100 && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

bool is_path_inside(const std::string& path) {
    const std::vector<std::string> parts = split(path, '/');
    return path.size() <= 500 && is_visible(path) && std::all_of(parts.begin(), parts.end(), [](const auto& part) {
               return !part.empty() && part != "." && part != ".." && lower(part) != ".git";
           });
}

}  // namespace bootwright
