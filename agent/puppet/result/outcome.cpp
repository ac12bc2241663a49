#include "agent/puppet/result/outcome.hpp"

#include <cstddef>

namespace bootwright {

const std::vector<OutcomeMeaning>& outcomes() {
    static const std::vector<OutcomeMeaning> all{
        {Outcome::unchanged, "unchanged", true, "everything was as it should be"},
        {Outcome::changed, "changed", true, "it is now"},
        {Outcome::failed, "failed", false,
         "resources failed, nothing was changed; or Puppet gave up, or could not begin to compile"},
        {Outcome::changed_with_failures, "changed_with_failures", false, "some were changed, some failed"},
        {Outcome::compile_failed, "compile_failed", false, "there was no catalog: nothing was touched"},
        {Outcome::nothing_applied, "nothing_applied", false,
         "the catalog was empty: a misspelt role, an empty class, no manifest, or an environment to choose; the error "
         "says which"},
        {Outcome::noop_drift, "noop_drift", false, "noop found differences, and left them"},
        {Outcome::timed_out, "timed_out", false, "Puppet was ended, as it was not done in time"},
        {Outcome::killed, "killed", false,
         "Puppet did not end by itself: the error names the signal, or says that memory ran out"},
        {Outcome::interrupted, "interrupted", false,
         "the agent was told to stop, the machine went down, or the cloud reclaims the instance: the error says "
         "which"},
        {Outcome::locked, "locked", false, "a lock held this machine: nothing was begun"},
        {Outcome::not_reached, "not_reached", false, "the run failed before Puppet, or is still under way"},
    };
    return all;
}

const OutcomeMeaning& meaning_of(Outcome outcome) { return outcomes().at(static_cast<std::size_t>(outcome)); }

std::string_view to_string(Outcome outcome) { return meaning_of(outcome).word; }

}  // namespace bootwright
