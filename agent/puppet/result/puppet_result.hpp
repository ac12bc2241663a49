#pragma once

#include "agent/puppet/result/outcome.hpp"
#include "common/base/error.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// How many resources of the catalog…
struct ResourceCounts {
    int total = 0;
    int changed = 0;
    int failed = 0;  ///< those that failed to restart included
    int skipped = 0;
    int out_of_sync = 0;
};

struct FailedResource {
    std::string resource;  ///< "Exec[/bin/false]"
    std::string message;
    std::string file{};  ///< relative to the control repository if it lies there
    int line = 0;        ///< 0: unknown
};

/// What Puppet would do without noop.
struct PlannedChange {
    std::string resource;  ///< "File[/etc/motd]"
    std::string text;      ///< in Puppet's words; or a diff, in several lines
    std::string file{};    ///< as of a failed resource
    int line = 0;
};

/// How long something took.
struct Took {
    std::string what;
    double seconds = 0;
    std::optional<double> began{};  ///< seconds since boot, if known
};

/// Whether Puppet was loaded when it was asked to apply.
struct PuppetStart {
    enum class Way { none, warm, cold };
    Way way = Way::none;   ///< none: it was not started
    std::string reason{};  ///< with cold: why not warm
};

/// What Puppet did, in the agent's words. No text in here holds a value of the role config's `data`.
struct PuppetResult {
    Outcome outcome = Outcome::not_reached;
    std::optional<Error> error{};  ///< nullopt exactly if the outcome is good
    std::optional<ResourceCounts> resources{};
    std::vector<FailedResource> failed_resources{};
    std::vector<FailedResource> drifted_resources{};  ///< that noop left as they are, without messages
    std::vector<PlannedChange> planned{};  ///< only where it was asked for; may quote files that others must not read
    std::vector<std::string> warnings{};
    std::string version{};  ///< Puppet's own
    std::string
        catalog_digest{};         ///< SHA-256: the same revision, role and facts give the same; "": there is no catalog
    std::vector<Took> phases{};   ///< "facts", "compile", "apply"
    std::vector<Took> slowest{};  ///< resources, the slowest first
    std::vector<Took> slow_facts{};  ///< custom and external ones that took half a second or more
    PuppetStart start{};
};

}  // namespace bootwright
