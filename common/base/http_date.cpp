#include "common/base/http_date.hpp"

#include <ctime>

namespace bootwright {

std::optional<std::chrono::system_clock::time_point> parse_http_date(const std::string& text) {
    std::tm parts{};
    const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return end == nullptr || *end != '\0' ? std::nullopt
                                          : std::optional(std::chrono::system_clock::from_time_t(timegm(&parts)));
}

}  // namespace bootwright
