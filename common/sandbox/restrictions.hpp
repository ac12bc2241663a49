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

/// On i386 the C library makes sockets by socketcall(2), whose arguments are in memory, where no filter can look. From now on what
/// a filter traps of it (SIGSYS) is asked again as a call of its own, which the filter does see. It holds until this process starts
/// another program. False: not done, and a filter must not trap it. Source: seccomp(2), SECCOMP_RET_TRAP
bool answer_socketcalls();

/// The system's words for the error.
inline std::string reason(int error_number) { return std::system_category().message(error_number); }

}  // namespace bootwright
