#pragma once

#include "agent/puppet/result/observation.hpp"
#include "common/base/error.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What a run was to apply.
struct Wanted {
    std::string role{};
    std::vector<std::string>
        environments{};  ///< names in environments/ of the repository, where none of them was chosen
};

/// Why a catalog has no resource: puppet.nothing_applied, permanent. @param seen nullopt: not known
Error nothing_applied_error(const std::optional<SeenEnvironment>& seen, const Wanted& wanted);

}  // namespace bootwright
