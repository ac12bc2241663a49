#pragma once

#include "agent/puppet/result/empty_catalog.hpp"
#include "agent/puppet/result/missing_modules.hpp"
#include "agent/puppet/result/puppet_result.hpp"
#include "common/net/redactor.hpp"
#include "common/processes/process.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What is left of one `puppet apply`.
struct PuppetTraces {
    ProcessResult process{};
    std::optional<std::string> summary{};      ///< last_run_summary.yaml
    std::optional<std::string> resources{};    ///< resources.txt: there once a catalog was compiled
    std::string log{};                         ///< puppet.jsonl
    std::optional<std::string> observation{};  ///< observation.json
    std::string output{};                      ///< the beginning of its output besides the log
    bool noop = false;
    Wanted wanted{};
    std::vector<MissingModule> missing{};  ///< where the Puppetfile was not fetched
    bool is_working_copy = false;          ///< what was compiled, for `bootwright validate`
    std::vector<std::string> folders{};    ///< where the control repository lies; cut from the paths that are shown
    Redactor redactor{};                   ///< knows what is cut from every text
};

/// What happened, from all traces together: Puppet's exit status alone says "success" when it should not.
PuppetResult read_puppet_result(const PuppetTraces& traces);

}  // namespace bootwright
