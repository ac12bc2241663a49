#pragma once

#include "agent/puppet/puppet_result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What observe.rb saw within Puppet, and wrote to observation.json. Its texts are Puppet's own: secrets are still in them.
struct Observation {
    std::string puppet_version;
    std::string phase;  ///< the last that began: "starting", "facts", "compile" or "apply"
    std::string catalog_digest;
    std::vector<Took> phases;
    std::optional<std::vector<FailedResource>> failed;  ///< as Puppet's report has them; nothing: there was no report
    bool failed_to_generate = false;  ///< a resource could not generate what it stands for, which no count has
    std::vector<Took> slowest;
    std::vector<Took> slow_facts;
    std::vector<std::string> unused_data;  ///< keys of the role config's data that nothing looked up
    std::vector<std::string> looked_up;    ///< what was looked up, if there are such keys
    std::vector<std::string> problems;     ///< what it could not see
};

/// Returns nullopt if the file is missing or broken; whatever is missing in it is empty.
std::optional<Observation> read_observation(const std::optional<std::string>& text);

}  // namespace bootwright
