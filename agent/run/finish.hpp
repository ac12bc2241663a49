#pragma once

#include "agent/config/system.hpp"
#include "agent/record/history.hpp"
#include "agent/record/run_record.hpp"
#include "agent/record/run_report.hpp"

#include <optional>

namespace bootwright {

/// Ends the run and keeps the history, whatever became of the run. A failure to keep it does not make a good run bad.
/// @param keep how many runs stay @param good what to come back to, if the run is good
RunReport finish(const System& system, RunRecord& record, int keep, const std::optional<LastGood>& good);

}  // namespace bootwright
