#pragma once

#include "agent/config/system.hpp"
#include "agent/record/run_report.hpp"
#include "agent/run/run_worker.hpp"
#include "common/processes/signals.hpp"

#include <functional>

namespace bootwright {

/// Watches a run in the foreground to its end, and beats for it. SIGTERM and SIGINT end it. A lost terminal or session is no
/// reason to leave a machine half configured. @param show gets the run as it is, several times a second
RunReport watch(const System& system, RunWorker& worker, Signals& signals,
                const std::function<void(const RunReport& so_far)>& show);

}  // namespace bootwright
