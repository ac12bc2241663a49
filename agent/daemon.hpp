#pragma once

#include "agent/config.hpp"
#include "agent/record/run_report.hpp"
#include "agent/run.hpp"
#include "agent/system.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

/// When the daemon runs again, and why.
struct NextRun {
    std::chrono::milliseconds delay{0};
    std::string reason;
    RunCause cause = RunCause::planned;
};

/// The daemon's plan after a run. A good run: the schedule, if there is one. After a transient error: full-jitter backoff
/// by `retry.run`. After a permanent one: slowly, by `retry.permanent` and never sooner than its base, since a pin may be
/// pushed later. `failures` counts the failed runs in a row; `random` is in [0, 1).
std::optional<NextRun> plan_next_run(const RunReport& report, int failures, const AgentConfig& config, double random);

/// The service: a run at start, then by plan, and at SIGHUP at once; READY to systemd after the first good run. Returns
/// at SIGTERM or SIGINT, when the run under way has been stopped and recorded.
/// @throws Error daemon.locked where another daemon is running; io.*
void run_daemon(const System& system);

}  // namespace bootwright
