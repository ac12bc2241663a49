#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace bootwright {

struct TcpPlace {
    std::string host;  ///< a name or an address, this without brackets
    int port = 0;
};

/// "127.0.0.1:80", "localhost:80", "[::1]:80"; nothing for anything else.
std::optional<TcpPlace> parse_tcp_place(std::string_view text);

/// Connects, and closes again. Nothing once somebody has taken the connection; else why not, in words. Of several addresses
/// of a name one has to do. Names are resolved by the system, which is the one wait that a stop or a deadline does not cut
/// short.
std::optional<std::string> why_not_connected(const TcpPlace& place, std::chrono::milliseconds timeout,
                                             std::stop_token stop);

}  // namespace bootwright
