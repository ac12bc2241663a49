#pragma once

#include "agent/config/system.hpp"
#include "agent/record/run_record.hpp"
#include "agent/record/run_report.hpp"
#include "agent/run/run.hpp"
#include "common/files/file.hpp"

#include <atomic>
#include <memory>
#include <thread>

namespace bootwright {

/// Takes the lock that a run holds from its start to its end. @throws Error run.locked (transient) if a run is under way; io.*
FileLock take_run_lock(const System& system);

/// Puts into the status what keeps a run from beginning ("blocked", until one begins), except another run
/// and a lock.
void tell_what_blocks(const System& system, const Error& error);

/// One run on a thread of its own, under the run lock, so that the main thread can beat, show progress and hear signals.
/// Destruction stops the run and waits for it.
class RunWorker {
public:
    /// Ends what a killed run left, then begins the run; or puts into the status what blocks it. A run that a lock stops is
    /// in the history as one that did nothing.
    /// @throws Error run.locked (transient) if another run is under way; lock.held (stopped), lock.unreadable (permanent);
    /// process.cannot_start (transient); io.*
    RunWorker(const System& system, const RunOrder& order);
    RunWorker(const RunWorker&) = delete;
    RunWorker& operator=(const RunWorker&) = delete;
    ~RunWorker();

    /// Becomes readable when the run is over and recorded. Receivers outside may not have been told yet.
    [[nodiscard]] int over_fd() const { return over_.get(); }
    [[nodiscard]] bool is_over() const { return is_over_; }
    /// Becomes readable when the thread has nothing more to do: then join() does not wait.
    [[nodiscard]] int ended_fd() const { return ended_.get(); }
    [[nodiscard]] bool has_ended() const { return has_ended_; }
    [[nodiscard]] RunRecord& record() { return *record_; }
    void request_stop() { thread_.request_stop(); }
    /// Waits for the run's end.
    RunReport join();

private:
    void begin(const System& system, const RunOrder& order);

    FileLock lock_;
    UniqueFd over_;
    UniqueFd ended_;
    std::unique_ptr<RunRecord> record_;
    RunReport report_;
    std::atomic<bool> is_over_ = false;
    std::atomic<bool> has_ended_ = false;
    std::jthread thread_;
};

}  // namespace bootwright
