#include "common/net/page.hpp"

#include "common/base/text.hpp"

#include <string>

namespace bootwright {

bool is_page(std::string_view body) {
    const std::string start = lower(trimmed(body).substr(0, 16));
    return start.starts_with("<!doctype html") || start.starts_with("<html");
}

}  // namespace bootwright
