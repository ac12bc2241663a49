#include "agent/daemon/daemon.hpp"

#include "agent/daemon/ask.hpp"
#include "agent/daemon/metadata_watch.hpp"
#include "agent/record/locks.hpp"
#include "agent/record/reboots.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run_worker.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/retry.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/processes/own_program.hpp"
#include "common/processes/process_tree.hpp"
#include "common/processes/service_manager.hpp"
#include "common/processes/signals.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>

namespace bootwright {

namespace {

using std::chrono::milliseconds;

/// The beat while nothing runs; systemd's watchdog (the unit's WatchdogSec=) must allow more.
constexpr std::chrono::seconds idle_heartbeat{30};
/// How often a lock that holds is looked at: an operator who removes it watches.
constexpr std::chrono::seconds lock_check{5};

/// The configuration for the plan; a damaged one is reported by the run, which reads it too.
AgentConfig config_or_defaults(const System& system) {
    try {
        return read_agent_config(system);
    } catch (const Error&) {
        return {};
    }
}

/// The status is gone after a boot.
RunCause cause_of_start(const System& system) {
    return member_at(StatusFile(system).read(), "run").is_object() ? RunCause::restart : RunCause::boot;
}

class Daemon {
public:
    explicit Daemon(const System& system)
        : system_(system),
          lock_(take_daemon_lock(system)),
          signals_({SIGTERM, SIGINT, SIGHUP}),
          process_(identify_process(getpid()).value_or(ProcessId{getpid(), 0})),
          started_(system.clock.now()),
          next_(NextRun{milliseconds(0), "the agent has just started", cause_of_start(system)}),
          next_at_(started_.since_boot) {}

    void loop() {
        log(LogLevel::info, "the daemon starts");
        if (StatusFile(system_).read().value("configured", Json()).is_object()) {
            become_ready();  // configured earlier in this boot: units ordered after the agent need not wait again
        }
        while (!stopping_ || worker_) {
            follow_schedule();
            begin_run_if_due();
            beat();
            signals_.wait(until_next_event(), awaited_fd());
            end_run_if_done();
            plan_run_if_changed();
            for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
                on_signal(signal);
            }
        }
        next_.reset();
        publish("stopped");
        log(LogLevel::info, "the daemon has stopped");
    }

private:
    [[nodiscard]] bool is_running() const { return worker_ && !is_over_; }

    /// What ends the wait of the main thread, beside signals.
    [[nodiscard]] int awaited_fd() const {
        if (worker_) {
            return is_over_ ? worker_->ended_fd() : worker_->over_fd();
        }
        return watch_ ? watch_->changed_fd() : -1;
    }

    [[nodiscard]] milliseconds now() const { return system_.clock.now().since_boot; }

    void begin_run_if_due() {
        if (worker_ || stopping_ || !next_ || now() < next_at_) {
            return;
        }
        if (is_locked_ && is_still_locked()) {
            next_at_ = now() + lock_check;
            return;
        }
        try {
            watch_.reset();
            worker_ = std::make_unique<RunWorker>(system_, RunOrder{next_->cause, next_->asked_by});
            is_over_ = false;
            next_.reset();
        } catch (const Error& error) {  // another run is under way, a lock holds, or the disk is full
            if (next_->reason != error.message) {
                log(LogLevel::warning, error.message, error.code);
                last_line_ = "no run can begin: " + error.message;
            }
            is_locked_ = error.code == "lock.held";
            next_ = NextRun{is_locked_ ? lock_check : std::chrono::seconds(2), error.message, next_->cause,
                            next_->asked_by};
            next_at_ = now() + next_->delay;
        }
    }

    /// What cannot be read is for the run to tell.
    [[nodiscard]] bool is_still_locked() const {
        try {
            return !held_locks(system_).empty();
        } catch (const Error&) {
            return false;
        }
    }

    void end_run_if_done() {
        if (is_running() && worker_->is_over()) {
            is_over_ = true;
            follow(worker_->record().snapshot());
        }
        if (worker_ && worker_->has_ended()) {
            worker_.reset();
            become_new_program();
        }
    }

    /// What comes after a run. Receivers may still be told of it: neither READY nor the plan waits for that.
    void follow(const RunReport& report) {
        ++runs_;
        failures_ = report.is_good() ? 0 : failures_ + 1;
        log(report.is_good() ? LogLevel::info : LogLevel::error, one_line(report),
            report.error ? report.error->code : "");
        last_line_ = one_line(report);
        plan(run_again_ ? asked_for()
                        : plan_next_run(report, failures_, config_or_defaults(system_), system_.random(),
                                        system_.clock.now()));
        run_again_ = false;
        begin_watch(report);
        if (report.is_good()) {
            become_ready();
        }
    }

    /// An upgrade within the run does not restart the service (the package's postinst), so that it does not end the
    /// run; the new program takes over here, and begins with a run. A run that replaces the program each time gets no
    /// second turn.
    void become_new_program() {
        const bool is_wanted = !stopping_ && !(is_successor_ && runs_ == 1) && is_replaced(program_, "/proc/self");
        if (!is_wanted || !works(program_)) {
            return;
        }
        log(LogLevel::info, "this program has been replaced: the new one takes over");
        watch_.reset();
        become(program_);
        log(LogLevel::error, "the new program cannot be started: the old one stays");
    }

    bool works(const std::filesystem::path& program) const {
        try {
            const ProcessResult result = system_.processes.run(
                {.arguments = {program, "version"}, .environment = {}, .timeout = std::chrono::seconds(10)}, {}, {});
            if (result.end == ProcessResult::End::exited && result.exit_code == 0) {
                return true;
            }
        } catch (const Error& error) {
            log(LogLevel::warning, error.message);
        }
        log(LogLevel::warning, "this program has been replaced, but the new one does not work: the old one stays");
        return false;
    }

    /// True if this process has run the daemon before, with another program.
    bool has_been_daemon() const {
        const Json daemon = StatusFile(system_).read().value("daemon", Json());
        return daemon.is_object() && number_at(daemon, "pid") == static_cast<unsigned long long>(process_.pid) &&
               number_at(daemon, "pid_start") == process_.start_ticks;
    }

    /// Not if nothing was read: then the plan is to try again anyway.
    void begin_watch(const RunReport& report) {
        const AgentConfig config = config_or_defaults(system_);
        if (report.fingerprint != 0 && config.metadata_watch.count() > 0 && !stopping_) {
            watch_ = std::make_unique<MetadataWatch>(system_, config, report.fingerprint);
        }
    }

    /// The schedule depends on the wall clock, which may have been set.
    void follow_schedule() {
        if (next_ && next_->schedule) {
            const Instant current = system_.clock.now();
            next_at_ = current.since_boot + until_scheduled(*next_->schedule, current);
        }
    }

    void plan_run_if_changed() {
        if (watch_ && watch_->has_changed()) {
            watch_.reset();
            plan(NextRun{milliseconds(0), "the instance's metadata has changed", RunCause::metadata});
        }
    }

    void become_ready() {
        if (!ready_) {
            ready_ = true;
            notify_service_manager("READY=1");
        }
    }

    void plan(std::optional<NextRun> next) {
        next_ = std::move(next);
        is_locked_ = false;
        next_at_ = now() + (next_ ? next_->delay : milliseconds(0));
        if (next_ && !stopping_) {
            log(LogLevel::info, "next run in " + to_human(next_->delay) + ": " + next_->reason);
        }
    }

    [[nodiscard]] std::optional<NextRun> asked_for() const {
        const std::string who = who_asked(system_);
        const std::string by = who.empty() ? "SIGHUP" : who;
        return NextRun{milliseconds(0), "asked for by " + by, RunCause::asked_for, by};
    }

    void on_signal(int signal) {
        if (signal == SIGHUP && is_running()) {
            run_again_ = true;  // the run under way may have read what was there before
            return;
        }
        if (signal == SIGHUP) {
            plan(asked_for());
            return;
        }
        stopping_ = true;
        notify_service_manager("STOPPING=1");
        if (worker_) {
            worker_->request_stop();
        } else if (machine_going_down(system_.processes) == GoingDown::reboot) {
            machine_reboots(system_);
        }
    }

    /// Shows systemd and the readers of the status that the agent lives.
    void beat() {
        if (is_running()) {
            worker_->record().beat();
            last_line_ = one_line(worker_->record().snapshot());
        }
        publish(stopping_ ? "stopping" : is_running() ? "running" : "waiting");
        // Before READY, systemd has no watchdog, but a limit for the start, which each beat extends.
        const std::string sign_of_life = ready_ ? "WATCHDOG=1" : "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=120000000";
        notify_service_manager(sign_of_life + "\nSTATUS=" + printable(last_line_));
    }

    void publish(const char* state) {
        try {
            StatusFile(system_).update([&](Json& status) { status["daemon"] = to_json(state); });
        } catch (const Error& error) {
            log(LogLevel::error, "status.json is not written: " + error.message);
        }
    }

    [[nodiscard]] Json to_json(const char* state) const {
        const Instant current = system_.clock.now();
        const auto left = next_at_ - current.since_boot;
        Json next;
        if (next_) {
            const Json at = bootwright::to_json(Instant{current.wall + left, next_at_});
            next = {{"at", is_locked_ ? Json() : at}, {"reason", next_->reason}};
        }
        return {{"pid", process_.pid},
                {"pid_start", process_.start_ticks},
                {"started", bootwright::to_json(started_)},
                {"heartbeat", bootwright::to_json(current)},
                {"heartbeat_every_s", (worker_ ? heartbeat_interval : idle_heartbeat).count()},
                {"state", state},
                {"watching", watch_ != nullptr},
                {"next", next}};
    }

    [[nodiscard]] milliseconds until_next_event() const {
        const milliseconds beat_after = worker_ ? heartbeat_interval : idle_heartbeat;
        return next_ && !worker_ ? std::clamp(next_at_ - now(), milliseconds(0), beat_after) : beat_after;
    }

    const System& system_;
    FileLock lock_;
    Signals signals_;
    ProcessId process_;
    std::filesystem::path program_ = program_of("/proc/self");
    Instant started_;
    bool is_successor_ = has_been_daemon();
    int runs_ = 0;  ///< since the program started
    std::optional<NextRun> next_;
    milliseconds next_at_;
    std::unique_ptr<RunWorker> worker_;
    std::unique_ptr<MetadataWatch> watch_;  // while no run is under way
    int failures_ = 0;
    bool is_over_ = false;    ///< the worker's run
    bool is_locked_ = false;  ///< the next run waits for the end of a lock
    bool ready_ = false;
    bool stopping_ = false;
    bool run_again_ = false;
    std::string last_line_;
};

}  // namespace

FileLock take_daemon_lock(const System& system) {
    make_folder(system.runtime(), 0755);
    auto lock = FileLock::try_take(system.runtime() / "daemon.lock");
    if (!lock) {
        throw permanent_error("daemon.locked", "another bootwright daemon is running on this machine",
                              "use it (`systemctl status bootwright`), or stop it first");
    }
    return std::move(*lock);
}

Schedule schedule_of(const std::string& instance_id, milliseconds interval, milliseconds splay, milliseconds last) {
    const auto width = static_cast<std::uint64_t>(std::min(interval, splay).count());
    return {interval, milliseconds(width == 0 ? 0 : hash_of(instance_id) % width), last};
}

milliseconds until_scheduled(const Schedule& schedule, const Instant& now) {
    const milliseconds interval = schedule.interval;
    const auto wall = std::chrono::floor<milliseconds>(now.wall).time_since_epoch();
    // The end of the last run in today's wall clock: its age is right however the clock was set.
    const milliseconds earliest = wall - (now.since_boot - schedule.last) + interval / 2;
    const milliseconds behind = ((earliest - schedule.phase) % interval + interval) % interval;  // also before 1970
    const milliseconds moment = behind.count() == 0 ? earliest : earliest + interval - behind;
    return std::max(moment - wall, milliseconds(0));
}

std::optional<NextRun> plan_next_run(const RunReport& report, int failures, const AgentConfig& config, double random,
                                     const Instant& now) {
    if (!report.error) {
        if (!report.interval) {
            return std::nullopt;
        }
        const Schedule schedule = schedule_of(report.instance ? report.instance->instance_id : "", *report.interval,
                                              report.splay, report.finished.value_or(now).since_boot);
        return NextRun{.delay = until_scheduled(schedule, now),
                       .reason = "schedule",
                       .cause = RunCause::schedule,
                       .schedule = schedule};
    }
    switch (report.error->kind) {
        case ErrorKind::stopped:
            return report.error->retry_after
                       ? std::optional(NextRun{*report.error->retry_after, "looking again after " + report.error->code})
                       : std::nullopt;
        case ErrorKind::transient:
            return NextRun{delay_after(*report.error, failures, config.retry.run, random),
                           "trying again after " + report.error->code};
        case ErrorKind::permanent:
            return NextRun{config.retry.permanent.base + backoff_delay(failures, config.retry.permanent, random),
                           "trying again slowly after " + report.error->code + ", which somebody has to mend"};
    }
    return std::nullopt;
}

void run_daemon(const System& system) { Daemon(system).loop(); }

}  // namespace bootwright
