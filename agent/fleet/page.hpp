#pragma once

#include "common/documents/json.hpp"

#include <string>

namespace bootwright {

/// An overview as one page for a browser, which needs nothing else: it loads nothing, and its policy lets it load nothing.
/// Whatever the overview holds, nothing of it becomes markup or script.
std::string page_of(const Json& overview);

}  // namespace bootwright
