#pragma once

#include "common/net/url.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

namespace bootwright {

/// libcurl writes an IPv6 address anew: the same one may be written in many ways.
inline bool is_same_host(const std::string& one, const std::string& other) {
    const std::size_t ends[]{std::min(one.find('%'), one.size()), std::min(other.find('%'), other.size())};
    in6_addr addresses[2]{};
    if (inet_pton(AF_INET6, one.substr(0, ends[0]).c_str(), &addresses[0]) != 1 ||
        inet_pton(AF_INET6, other.substr(0, ends[1]).c_str(), &addresses[1]) != 1) {
        return one == other;
    }
    return std::memcmp(&addresses[0], &addresses[1], sizeof(in6_addr)) == 0 &&
           one.substr(ends[0]) == other.substr(ends[1]);
}

/// Where libcurl's reading of `text` differs from that of `url`, which was made of it: the part's name; nothing where both
/// read it alike.
inline std::optional<std::string> difference_from_curl(const Url& url, const std::string& text) {
    const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
    if (curl_url_set(parsed.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) !=
        CURLUE_OK) {
        return "libcurl refuses it";
    }
    const auto part = [&](CURLUPart name, unsigned flags = 0) {
        char* value = nullptr;
        if (curl_url_get(parsed.get(), name, &value, flags) != CURLUE_OK) {
            return std::string();
        }
        const std::unique_ptr<char, void (*)(void*)> owned(value, curl_free);
        return std::string(value);
    };
    std::string host = part(CURLUPART_HOST);
    if (host.starts_with('[')) {
        const std::string zone = part(CURLUPART_ZONEID);
        host = host.substr(1, host.size() - 2) + (zone.empty() ? "" : "%25" + zone);
    }
    const std::string port = part(CURLUPART_PORT);
    const std::string query = part(CURLUPART_QUERY);
    const auto differs = [](const char* name, bool is_same) {
        return is_same ? std::nullopt : std::optional<std::string>(name);
    };
    for (const auto& difference :
         {differs("scheme", part(CURLUPART_SCHEME) == url.scheme()), differs("host", is_same_host(host, url.host())),
          differs("user", part(CURLUPART_USER, CURLU_URLDECODE) == url.user_for_transfer()),
          differs("password", part(CURLUPART_PASSWORD, CURLU_URLDECODE) == url.password_for_transfer()),
          differs("port", port.empty() || std::stoi(port) == url.port()),
          differs("path", part(CURLUPART_PATH) == url.path()),
          differs("query", url.target() == url.path() + (url.has_query() ? "?" + query : ""))}) {
        if (difference) {
            return difference;
        }
    }
    return std::nullopt;
}

}  // namespace bootwright
