#include "agent/puppet/result/compile_error.hpp"

#include "agent/puppet/result/puppet_log.hpp"
#include "agent/puppet/result/without_server.hpp"
#include "common/base/text.hpp"

#include <cstddef>

namespace bootwright {

namespace {

constexpr std::size_t longest_list = 1500;

/// "; the key x was looked up in data/a.yaml, data/b.yaml (not there)"
std::string looked_through(const FailedLookup& lookup, const PuppetTraces& traces) {
    std::vector<std::string> places;
    places.reserve(lookup.through.size());
    for (const std::string& place : lookup.through) {
        places.push_back(shown(place, traces));
    }
    return "; the key " + shown(lookup.key, traces) + " was looked up in " +
           (places.empty() ? "no file at all" : shortened(joined(places, ", "), longest_list));
}

}  // namespace

Error compile_error(const std::string& reason, const std::optional<Observation>& seen, const PuppetTraces& traces) {
    std::string message = "the catalog does not compile, so nothing was changed: " + reason;
    if (seen && !seen->compile_failure.at.empty() && reason.find("line: ") == std::string::npos) {
        message += " (at " + shown(seen->compile_failure.at, traces) + ")";
    }
    for (const FailedLookup& lookup : seen ? seen->compile_failure.lookups : std::vector<FailedLookup>()) {
        message += looked_through(lookup, traces);
    }
    const std::string lack = missing_behind(reason, traces.missing);
    if (!lack.empty() && traces.is_working_copy) {
        return permanent_error("puppet.compile_failed", message + "; the Puppetfile " + lack + ", not in this folder",
                               advice_without_modules);
    }
    if (!lack.empty()) {
        return permanent_error(
            "puppet.compile_failed", message + "; the ignored Puppetfile " + lack,
            "let repository.puppetfile of agent.json say \"fetch\", which installs what the Puppetfile "
            "and its lock (`bootwright modules lock`) pin, or vendor the module in the control repository");
    }
    return permanent_error("puppet.compile_failed", message,
                           asks_puppetdb(reason)
                               ? advice_without_server
                               : "correct the control repository or the role config, and push a new revision");
}

}  // namespace bootwright
