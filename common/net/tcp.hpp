#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace bootwright {

struct TcpPlace {
    std::string host;  ///< a name, or an address without brackets
    int port = 0;
};

/// "127.0.0.1:80", "localhost:80", "[::1]:80". Returns nullopt for anything else.
std::optional<TcpPlace> parse_tcp_place(std::string_view text);

/// Connects, and closes again. Returns nullopt if the connection is accepted, else the reason in words. If a name has
/// several addresses, one must accept. The system resolves names: only this wait is not cut short by a stop or a
/// deadline.
std::optional<std::string> why_not_connected(const TcpPlace& place, std::chrono::milliseconds timeout,
                                             std::stop_token stop);

}  // namespace bootwright
