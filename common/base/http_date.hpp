#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

/// The time of "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7). Returns nullopt for any other text.
std::optional<std::chrono::system_clock::time_point> parse_http_date(const std::string& text);

}  // namespace bootwright
