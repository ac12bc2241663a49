#pragma once

#include "agent/repository/module_metadata.hpp"

#include <functional>
#include <string>
#include <vector>

namespace bootwright {

/// A module of a Puppetfile, as far as it is known.
struct DeclaredModule {
    std::string place;          ///< "Puppetfile, line 3, modules/apt"
    std::string name;           ///< "apt"
    std::string version{};      ///< "": unknown
    ModuleMetadata metadata{};  ///< empty: unknown
};

/// A sentence for each need of a module that the others, or Puppet, do not meet, and for each metadata.json that is
/// damaged. Says nothing of what is unknown. Authors do not count: Puppet knows a module by its name alone.
/// @param puppet its version; "": unknown
/// @param is_there says whether a module of that name, which no line declares, is a part of the control repository
std::vector<std::string> unmet_needs(const std::vector<DeclaredModule>& modules, const std::string& puppet,
                                     const std::function<bool(const std::string& name)>& is_there);

/// True if one of the modules says for which Puppet it is.
bool ask_for_puppet(const std::vector<DeclaredModule>& modules);

}  // namespace bootwright
