#pragma once

#include "common/sandbox/sandbox.hpp"

#include <string>
#include <system_error>
#include <vector>

namespace bootwright {

// The parts of confine(), each of which adds to `missing` what this system could not give.

/// Landlock. Source: https://docs.kernel.org/userspace-api/landlock.html
void restrict_files(const Confinement& confinement, std::vector<std::string>& missing);

/// seccomp, by libseccomp. Source: seccomp_rule_add(3)
void restrict_system_calls(const Confinement& confinement, std::vector<std::string>& missing);

/// The system's words for the error.
inline std::string reason(int error_number) { return std::system_category().message(error_number); }

}  // namespace bootwright
