#pragma once

#include "agent/record/run_record.hpp"
#include "agent/record/run_report.hpp"
#include "agent/run.hpp"
#include "agent/system.hpp"
#include "common/file.hpp"

#include <memory>
#include <thread>

namespace bootwright {

/// One run on a thread of its own, under the run lock, so that the main thread can beat, show progress and hear signals.
/// Destruction stops the run and waits for it.
class RunWorker {
public:
    /// Ends what a killed run has left, then begins.
    /// @throws Error run.locked (transient) where another run is under way; io.*
    RunWorker(const System& system, RunCause cause);
    RunWorker(const RunWorker&) = delete;
    RunWorker& operator=(const RunWorker&) = delete;
    ~RunWorker();

    /// Becomes readable when the run has ended.
    [[nodiscard]] int ended_fd() const { return ended_.get(); }
    [[nodiscard]] RunRecord& record() { return *record_; }
    void request_stop() { thread_.request_stop(); }
    /// Waits for the run's end.
    RunReport join();

private:
    FileLock lock_;
    UniqueFd ended_;
    std::unique_ptr<RunRecord> record_;
    RunReport report_;
    std::jthread thread_;
};

}  // namespace bootwright
