#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// "HOST", "HOST:PORT", "[ADDRESS]" or "[ADDRESS]:PORT", split in two. Neither the host nor what follows it is checked
/// yet.
struct HostPort {
    std::string_view host{};  ///< without brackets
    bool is_bracketed = false;
    std::string_view port{};  ///< all after the host, with its ":"; "" if nothing follows
};

/// Returns nullopt if a "[" has no "]". The result points into `text`.
std::optional<HostPort> split_host_port(std::string_view text);

/// The number of ":PORT". Returns nullopt for anything but a colon and 1 to 5 digits that say 1 to 65535.
std::optional<int> port_number(std::string_view port);

/// The host as it is written before a port: an IPv6 address, which holds a colon, gets brackets.
std::string host_in_brackets(const std::string& host);

}  // namespace bootwright
