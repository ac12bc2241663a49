#pragma once

#include "agent/puppet/result/puppet_result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The environment that was compiled, as environment.rb describes it.
struct SeenEnvironment {
    std::string manifest{};              ///< of the environment: a file or a folder; "": it has none
    bool has_manifest = false;           ///< whether it is there
    std::vector<std::string> classes{};  ///< that the catalog has
    std::vector<std::string> nodes{};    ///< names of all node definitions; a pattern is "/web/"
    std::string node{};                  ///< the definition that was taken; "": none
};

/// A key that was looked up in vain.
struct FailedLookup {
    std::string key;
    std::vector<std::string> through;  ///< the files of the hierarchies, "PATH" or "PATH (not there)"
};

/// What compile_failure.rb adds to Puppet's own words.
struct CompileFailure {
    std::string at{};  ///< "FILE:LINE" in the control repository, for where Puppet names no place; "": none is known
    std::vector<FailedLookup> lookups{};
};

/// What observe.rb saw within Puppet, and wrote to observation.json. Its texts are Puppet's own: secrets are still in them.
struct Observation {
    std::string puppet_version;
    std::string phase;  ///< the last that began: "starting", "facts", "compile" or "apply"
    std::string catalog_digest;
    std::vector<Took> phases;
    std::optional<std::vector<FailedResource>> failed;  ///< as Puppet's report has them; nothing: there was no report
    std::vector<FailedResource> drifted{};              ///< that noop left as they are
    bool failed_to_generate = false;  ///< a resource could not generate what it stands for, which no count has
    std::vector<Took> slowest;
    std::vector<Took> slow_facts;
    std::vector<std::string> unused_data;        ///< keys of the role config's data that nothing looked up
    std::vector<std::string> looked_up;          ///< what was looked up, if there are such keys
    std::vector<std::string> problems;           ///< what it could not see
    std::optional<SeenEnvironment> environment;  ///< nothing: no catalog was compiled
    CompileFailure compile_failure{};            ///< of a catalog that does not compile
};

/// Returns nullopt if the file is missing or broken; whatever is missing in it is empty.
std::optional<Observation> read_observation(const std::optional<std::string>& text);

}  // namespace bootwright
