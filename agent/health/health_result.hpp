#pragma once

#include "common/base/error.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The result of one check when it was last made.
struct CheckResult {
    std::string name;
    bool ok = false;
    std::string
        said{};  ///< for people, in one short line: "active", "status 503"; holds no value of the role config's `data`
    double seconds = 0;  ///< that it took
};

/// Whether the machine does what it was configured for.
struct HealthResult {
    std::vector<CheckResult> checks{};
    std::optional<Error> error{};  ///< nullopt exactly if all checks were good at once, or there is none
};

}  // namespace bootwright
