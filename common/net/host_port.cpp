#include "common/net/host_port.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace bootwright {

std::optional<HostPort> split_host_port(std::string_view text) {
    if (!text.starts_with('[')) {
        const std::size_t end = std::min(text.find(':'), text.size());
        return HostPort{text.substr(0, end), false, text.substr(end)};
    }
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    return HostPort{text.substr(1, end - 1), true, text.substr(end + 1)};
}

std::optional<int> port_number(std::string_view port) {
    constexpr std::size_t most_digits = 5;
    if (!port.starts_with(':') || port.size() > 1 + most_digits) {
        return std::nullopt;
    }
    std::uint16_t number = 0;
    const auto [end, status] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
    const bool is_whole = status == std::errc() && end == port.data() + port.size();
    return is_whole && number != 0 ? std::optional<int>(number) : std::nullopt;
}

std::string host_in_brackets(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace bootwright
