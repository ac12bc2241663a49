#pragma once

#include <string_view>

namespace bootwright {

/// True for the start of an HTML page: what a captive portal or a proxy answers in place of what was asked for.
bool is_page(std::string_view body);

}  // namespace bootwright
