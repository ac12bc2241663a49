#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// "HOST", "HOST:PORT", "[ADDRESS]" or "[ADDRESS]:PORT", taken apart. Nothing is judged yet: not what stands for the host, and
/// not what follows it.
struct HostPort {
    std::string_view host{};  ///< without brackets
    bool is_bracketed = false;
    std::string_view port{};  ///< all behind the host, with its ":"; "" where nothing follows
};

/// Returns nullopt where a "[" has no "]". What it returns points into `text`.
std::optional<HostPort> split_host_port(std::string_view text);

/// The number of ":PORT". Returns nullopt for anything but a colon and 1 to 5 digits that say 1 to 65535.
std::optional<int> port_number(std::string_view port);

/// The host as it stands before a port: what holds a colon, and so is an IPv6 address, in brackets.
std::string host_in_brackets(const std::string& host);

}  // namespace bootwright
