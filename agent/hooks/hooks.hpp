#pragma once

#include "agent/config/system.hpp"
#include "agent/record/run_record.hpp"
#include "common/net/redactor.hpp"

#include <optional>
#include <stop_token>

namespace bootwright {

// Programs of the image's in /etc/bootwright/hooks.d/{before-run,on-failure,after-run} (docs/hooks.md). Each is run as root
// with the report so far on its standard input, and what it says goes into the record.

/// Runs those of before-run, as the run's first stage. The first that does not end with 0 ends the run.
/// @throws Error hook.failed (transient), hook.unsafe (permanent): others than root could change one, so none is run;
/// stopped; io.*
void run_hooks_before(const System& system, RunRecord& record, const std::stop_token& stop);

/// Runs those of on-failure if the run has failed, then those of after-run. The run has ended, and stays as it is: what goes
/// wrong here is a warning. Never throws.
/// @param secrets of the role config, for what they say; nullopt: this run has none, and the last one's count
void run_hooks_after(const System& system, const std::optional<Redactor>& secrets, RunRecord& record,
                     const std::stop_token& stop);

}  // namespace bootwright
