#pragma once

#include "agent/repository/fetch_events.hpp"
#include "agent/repository/fetch_request.hpp"
#include "agent/repository/modules/modules.hpp"
#include "agent/repository/sources/mirrors.hpp"
#include "common/base/error.hpp"
#include "common/git/git.hpp"
#include "common/processes/process.hpp"

#include <map>
#include <string>
#include <vector>

namespace bootwright {

/// What came of modules, by their paths.
struct Ahead {
    std::map<std::string, GitRepository> obtained{};  ///< each holds its module
    std::map<std::string, Error> failed{};
};

/// Obtains modules, several at once; those of one repository, which has one folder here, one after the other. One program
/// fetches many releases of one server. @throws Error io.*
Ahead obtain_ahead(const FetchRequest& request, ProcessRunner& processes, const FetchEvents& events,
                   const Mirrors& mirrors, const std::vector<WantedModule>& modules);

}  // namespace bootwright
