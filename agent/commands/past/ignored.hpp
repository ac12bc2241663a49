#pragma once

#include "agent/record/catalog_difference.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace bootwright {

/// Takes out of the changes what somebody does not want to see, and returns how much that was: resources, and parameters
/// of others.
/// @param patterns "TYPE[TITLE]" or "TYPE[TITLE].PARAMETER", in which "*" stands for any characters
/// @throws UsageError
std::size_t ignore(std::vector<ResourceChange>& changes, const std::vector<std::string>& patterns);

}  // namespace bootwright
