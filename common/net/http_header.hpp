#pragma once

#include <string>

namespace bootwright {

/// Refuses a header that could inject another header or a body: its name is no token, or its value holds what
/// printable() would replace (RFC 9110, sections 5.1 and 5.5).
/// @throws Error http.bad_header (permanent); it never quotes the value, which may be secret
void check_header(const std::string& name, const std::string& value);

}  // namespace bootwright
