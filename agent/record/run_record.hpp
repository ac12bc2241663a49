#pragma once

#include "agent/config/system.hpp"
#include "agent/record/run_report.hpp"
#include "agent/record/status_file.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/net/redactor.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bootwright {

/// Follows one run: each change goes into the report and, at once, into status.json. Safe for two threads: the worker
/// that runs, and the one that beats and shows progress. A status that cannot be written is logged and stops nothing.
/// While it lives, the lines of the log are of this run.
class RunRecord {
public:
    RunRecord(const System& system, int number);
    RunRecord(const RunRecord&) = delete;
    RunRecord& operator=(const RunRecord&) = delete;
    ~RunRecord();

    /// @param asked_by who asked for it; "": nobody
    void begins_because(RunCause cause, const std::string& asked_by);
    /// Noop: it leaves the machine as it is, and at its end the status shows again what it showed before.
    void is_tried_out();
    /// The locks that held when it began.
    void goes_past(const std::vector<std::string>& locks);
    void begin_stage(Stage stage, int attempts);
    void begin_attempt(int attempt);
    void retrying(const Error& error, std::chrono::milliseconds delay);
    /// Goes into the status at most once a second.
    void progress(std::string_view what, std::uint64_t done, std::uint64_t total);
    void child_started(ProcessId child);
    /// As StageEvents::waiting.
    void waiting(const std::string& what, std::chrono::milliseconds longest);

    void instance(const InstanceMetadata& instance);
    /// The run uses the metadata `kept`, which was accepted at `accepted`. The run is good only if `because` says that
    /// the metadata service is dead.
    void goes_by_kept(const InstanceMetadata& kept, const std::string& accepted, const Error& because);
    void resumes(int run);
    void role(const RoleConfig& role);
    void revision(const Checkout& checkout);
    void configuration(const Checkout& checkout);
    /// @param name of a repository beside the control repository
    void repository(const std::string& name, const Checkout& checkout);
    void place_answered(PlaceAnswer answer);
    void puppet(const PuppetResult& result);
    void bad(const BadRevision& bad);
    void applied_instead(const RunReport::Instead& instead);
    void health(const HealthResult& result);
    void announced(RunReport::Announced told);
    void hook_begins(const std::string& name);
    /// The one that began last.
    void hook_ended(RunReport::Hook hook);
    /// Removes from what hooks have said what is known to be secret only by now.
    void clean_hooks(const Redactor& secrets);
    /// Takes each text once.
    void warning(const std::string& text);
    void error(const Error& error);

    /// Ends the run and returns its report.
    /// @param keep puts the report on disk, so that whoever reads in the status that the run is over finds it there.
    /// Throws nothing.
    RunReport finish(const std::function<void(const RunReport&)>& keep = {});
    /// Calls the action of tell_when_over(), on this thread, once the run is on disk and before receivers are told.
    void over() const;
    void tell_when_over(std::function<void()> action) { when_over_ = std::move(action); }

    /// Shows that the agent is alive. Call it every `heartbeat_interval`.
    void beat();

    [[nodiscard]] RunReport snapshot() const;
    [[nodiscard]] int number() const;

private:
    /// Applies a change under the lock and publishes it.
    template <typename Change>
    void change(Change apply);
    void publish();

    const System& system_;
    StatusFile status_;
    mutable std::mutex mutex_;
    RunReport report_;
    Json run_before_;  ///< as the status has it
    std::chrono::milliseconds progress_published_{0};
    std::string publish_problem_;
    std::function<void()> when_over_{};
};

inline constexpr std::chrono::seconds heartbeat_interval{10};

}  // namespace bootwright
