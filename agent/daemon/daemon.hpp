#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/record/run_report.hpp"
#include "agent/run/run.hpp"
#include "common/base/clock.hpp"
#include "common/files/file.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

/// Runs at fixed moments of the wall clock, whatever the instance does between them.
struct Schedule {
    std::chrono::milliseconds interval{0};
    std::chrono::milliseconds phase{
        0};  ///< how far the moments are behind the multiples of the interval since 1970 in UTC
    std::chrono::milliseconds last{0};  ///< when the last run ended, since boot
};

/// The schedule of one instance. Its phase never changes, and differs from instance to instance, so that a fleet spreads over
/// `splay`, or over the interval if that is shorter.
Schedule schedule_of(const std::string& instance_id, std::chrono::milliseconds interval,
                     std::chrono::milliseconds splay, std::chrono::milliseconds last);

/// The time from `now` to the next run: the first moment of the schedule that is at least half an interval after the
/// last run, so that it comes within one and a half. A moment that has passed, as in a suspension, is due at once, but
/// only once. However the wall clock is set, runs neither crowd nor stay away. Ask again whenever the agent wakes up.
std::chrono::milliseconds until_scheduled(const Schedule& schedule, const Instant& now);

/// When the daemon runs again, and why.
struct NextRun {
    std::chrono::milliseconds delay{0};
    std::string reason;
    RunCause cause = RunCause::retry;
    std::string asked_by{};
    std::optional<Schedule> schedule{};  ///< if the run is by schedule
};

/// The daemon's plan, at `now`, after a run. A good run: the schedule, if there is one. After a transient error: full-jitter
/// backoff by `retry.run`. After a permanent one: slowly, by `retry.permanent` and never sooner than its base, since a pin may
/// be pushed later. `failures` counts the failed runs in a row; `random` is in [0, 1).
std::optional<NextRun> plan_next_run(const RunReport& report, int failures, const AgentConfig& config, double random,
                                     const Instant& now);

/// Takes the lock that a daemon holds as long as it runs. @throws Error daemon.locked (permanent) if one runs; io.*
FileLock take_daemon_lock(const System& system);

/// The service: a run at start, then by plan, and at SIGHUP at once; READY to systemd after the first good run. Returns
/// at SIGTERM or SIGINT, when the run under way has been stopped and recorded.
/// @throws Error daemon.locked if another daemon is running; io.*
void run_daemon(const System& system);

}  // namespace bootwright
