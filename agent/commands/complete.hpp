#pragma once

#include <string>
#include <vector>

namespace bootwright {

/// What `bootwright complete` completes: the names of values (CommandOption::value), such as "RUN".
std::vector<std::string> completed_values();

}  // namespace bootwright
