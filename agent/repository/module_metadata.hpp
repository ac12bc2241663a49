#pragma once

#include "common/documents/json.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// A line of a module's metadata.json: which other module, or which Puppet, and of which version.
struct ModuleNeed {
    std::string name;     ///< "puppetlabs-stdlib"; "puppet"
    std::string range{};  ///< ">= 9.0.0 < 10.0.0"; "": any will do
};

/// What a module says of itself. Only what is compared is kept.
/// Source: "metadata.json", Puppet's documentation (https://help.puppet.com/core/current/Content/PuppetCore/modules_metadata.htm).
struct ModuleMetadata {
    std::string version{};                   ///< "" if it is none
    std::vector<ModuleNeed> dependencies{};  ///< modules; 50 at most
    std::vector<ModuleNeed> requirements{};  ///< "puppet", "openvox", "pe"; 50 at most
    std::string problem{};                   ///< what is wrong with it; "": nothing
};

/// Reads a module's metadata.json, which a stranger has written. What is wrong with it goes into `problem`: nothing
/// hangs on it.
ModuleMetadata read_module_metadata(const Json& document);

// For the way from the child to the command.
Json to_json(const ModuleMetadata& metadata);
/// Believes nothing: what to_json never makes is left out.
ModuleMetadata module_metadata_from_json(const Json& json);

}  // namespace bootwright
