#pragma once

#include <string>

namespace bootwright {

/// Refuses a header that would end early, and begin another one or the body: one whose name is no token, or whose value
/// holds what printable() would replace (RFC 9110, sections 5.1 and 5.5).
/// @throws Error http.bad_header (permanent); it never quotes the value, which may be secret
void check_header(const std::string& name, const std::string& value);

}  // namespace bootwright
