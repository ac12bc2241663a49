#include "agent/record/run_record.hpp"

#include "agent/record/history.hpp"
#include "agent/record/run_places.hpp"
#include "agent/record/run_steps.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/processes/process_tree.hpp"

#include <unistd.h>

#include <algorithm>

namespace bootwright {

namespace {

void end_at(RunReport& report, const Instant& end) {
    report.heartbeat = end;
    report.finished = end;
    end_steps(report, end.since_boot);
    report.retry.reset();
    report.progress.reset();
    report.waiting.reset();
    report.child.reset();
    if (!report.error && report.kept && report.kept->makes_run_bad()) {
        report.error = report.kept->because;
        report.stage = report.kept->stage;
    }
    if (report.error && report.error->kind == ErrorKind::stopped) {
        report.puppet.outcome = Outcome::interrupted;
    }
}

}  // namespace

template <typename Change>
void RunRecord::change(Change apply) {
    const std::lock_guard lock(mutex_);
    apply(report_);
    publish();
}

RunRecord::RunRecord(const System& system, int number)
    : system_(system), status_(system), run_before_(member_at(status_.read(), "run")) {
    change([&](RunReport& report) {
        report.number = number;
        const bool was_tried_out = member_at(run_before_, "noop") == Json(true);  // and killed
        report.before = static_cast<int>(number_at(run_before_, was_tried_out ? "before" : "number"));
        report.agent = identify_process(getpid()).value_or(ProcessId{getpid(), 0});
        report.started = report.stage_started = system_.clock.now();
        report.boot_id = boot_id(system_);
    });
    log_is_of(number, "");
}

RunRecord::~RunRecord() { log_is_of(0, ""); }

void RunRecord::begins_because(RunCause cause, const std::string& asked_by) {
    change([&](RunReport& report) {
        report.cause = cause;
        report.asked_by = asked_by;
    });
}

void RunRecord::is_tried_out() {
    change([](RunReport& report) { report.noop = true; });
}

void RunRecord::goes_past(const std::vector<std::string>& locks) {
    if (locks.empty()) {
        return;
    }
    log(LogLevel::warning, "this run goes past what locks the machine: " + joined(locks, ", "));
    change([&](RunReport& report) { report.past_locks = locks; });
}

void RunRecord::begin_stage(Stage stage, int attempts) {
    log_is_of(number(), to_string(stage));
    change([&](RunReport& report) {
        report.stage = stage;
        report.stage_started = system_.clock.now();
        begin_stage_step(report, stage, report.stage_started.since_boot);
        report.attempt = 1;
        report.attempts = attempts;
        report.retry.reset();
        report.progress.reset();
        report.waiting.reset();
        report.child.reset();
    });
}

void RunRecord::begin_attempt(int attempt) {
    if (attempt > 1) {  // the first is a part of begin_stage
        change([&](RunReport& report) {
            begin_waiting_step(report, RunReport::Step::Kind::pause, "", system_.clock.now().since_boot);
            report.attempt = attempt;
            report.retry.reset();
            report.progress.reset();
            report.waiting.reset();
        });
    }
}

void RunRecord::retrying(const Error& error, std::chrono::milliseconds delay) {
    log(LogLevel::warning, error.message + " (" + error.code + "); trying again in " + to_human(delay), error.code);
    change([&](RunReport& report) {
        const Instant now = system_.clock.now();
        report.retry = RunReport::Retry{{now.wall + delay, now.since_boot + delay}, delay, error};
        begin_waiting_step(report, RunReport::Step::Kind::pause, "after " + error.code, now.since_boot);
        report.waiting.reset();
        report.child.reset();
    });
}

void RunRecord::progress(std::string_view what, std::uint64_t done, std::uint64_t total) {
    const std::lock_guard lock(mutex_);
    const Instant now = system_.clock.now();
    const bool goes_on = report_.progress && report_.progress->what == what && report_.progress->done <= done;
    report_.progress = RunReport::Progress{std::string(what), done, total, goes_on ? report_.progress->since : now};
    if (now.since_boot - progress_published_ >= std::chrono::seconds(1)) {
        progress_published_ = now.since_boot;
        publish();
    }
}

void RunRecord::child_started(ProcessId child) {
    change([&](RunReport& report) { report.child = child; });
}

void RunRecord::waiting(const std::string& what, std::chrono::milliseconds longest) {
    const RunReport before = snapshot();
    if (what.empty() ? !before.waiting : before.waiting && before.waiting->what == what) {
        return;
    }
    if (!what.empty()) {
        log(LogLevel::info, "waiting for " + what + ", for " + to_human(longest) + " at most");
    }
    change([&](RunReport& report) {
        const Instant now = system_.clock.now();
        begin_waiting_step(report, RunReport::Step::Kind::wait, what, now.since_boot);
        report.waiting = what.empty()
                             ? std::nullopt
                             : std::optional(RunReport::Waiting{what, {now.wall + longest, now.since_boot + longest}});
    });
}

void RunRecord::instance(const InstanceMetadata& instance) {
    change([&](RunReport& report) {
        report.instance = instance;
        report.instance->user_data.reset();
        report.fingerprint = fingerprint(instance);
    });
}

void RunRecord::goes_by_kept(const InstanceMetadata& kept, const std::string& accepted, const Error& because) {
    log(LogLevel::warning,
        because.message + " (" + because.code + "); going by the role config accepted at " + accepted, because.code);
    change([&](RunReport& report) {
        report.kept = RunReport::Kept{accepted, report.stage, because};
        report.fingerprint = report.fingerprint == 0 ? fingerprint(kept) : report.fingerprint;
        report.instance = kept;
        report.instance->user_data.reset();
    });
}

void RunRecord::resumes(int run) {
    change([&](RunReport& report) { report.resumes = run; });
}

void RunRecord::role(const RoleConfig& role) {
    change([&](RunReport& report) {
        report.role = role.role;
        report.role_config = name_of(role);
        report.revision_asked = role.repository.revision;
        report.configuration_asked = role.configuration.revision;
        report.repositories_asked.clear();
        for (const RoleConfig::Beside& each : role.repositories) {
            report.repositories_asked[each.name] = each.revision;
        }
        report.interval = role.schedule.interval;
        report.splay = role.schedule.splay.value_or(role.schedule.interval.value_or(std::chrono::milliseconds(0)));
    });
}

void RunRecord::revision(const Checkout& checkout) {
    change([&](RunReport& report) {
        report.revision_resolved = checkout.revision;
        report.signer = checkout.signer;
        report.commit = checkout.words;
    });
}

void RunRecord::configuration(const Checkout& checkout) {
    change([&](RunReport& report) { report.configuration_resolved = checkout.revision; });
}

void RunRecord::repository(const std::string& name, const Checkout& checkout) {
    change([&](RunReport& report) { report.repositories_resolved[name] = checkout.revision; });
}

void RunRecord::place_answered(PlaceAnswer answer) {
    constexpr std::size_t longest_answer = 500;
    answer.said = shortened_within(printable(answer.said), longest_answer);
    change([&](RunReport& report) {
        const std::chrono::duration<double> took(answer.seconds);
        add_step(report, RunReport::Step::Kind::place, answer.place,
                 std::chrono::duration_cast<std::chrono::milliseconds>(took), system_.clock.now().since_boot);
        add_answer(report, std::move(answer));
    });
}

void RunRecord::puppet(const PuppetResult& result) {
    change([&](RunReport& report) { report.puppet = result; });
}

void RunRecord::bad(const BadRevision& bad) {
    change([&](RunReport& report) { report.bad = bad; });
}

void RunRecord::applied_instead(const RunReport::Instead& instead) {
    log(LogLevel::warning, "the last good revision " + instead.revision +
                               " was applied in its place: " + std::string(to_string(instead.puppet.outcome)));
    change([&](RunReport& report) { report.instead = instead; });
}

void RunRecord::health(const HealthResult& result) {
    change([&](RunReport& report) { report.health = result; });
}

void RunRecord::announced(RunReport::Announced told) {
    told.at = system_.clock.now();
    change([&](RunReport& report) { report.announced.push_back(std::move(told)); });
}

void RunRecord::hook_begins(const std::string& name) {
    change([&](RunReport& report) { report.hooks.push_back({.name = name}); });
}

void RunRecord::hook_ended(RunReport::Hook hook) {
    change([&](RunReport& report) {
        report.child.reset();
        report.hooks.back() = std::move(hook);
    });
}

void RunRecord::clean_hooks(const Redactor& secrets) {
    change([&](RunReport& report) {
        for (RunReport::Hook& hook : report.hooks) {
            hook.said = secrets.cleaned(hook.said);
        }
    });
}

void RunRecord::warning(const std::string& text) {
    const auto known = snapshot().warnings;
    if (std::find(known.begin(), known.end(), text) != known.end()) {
        return;  // a second attempt has the same to say
    }
    log(LogLevel::warning, text);
    change([&](RunReport& report) { report.warnings.push_back(text); });
}

void RunRecord::error(const Error& error) {
    change([&](RunReport& report) { report.error = error; });
}

RunReport RunRecord::finish(const std::function<void(const RunReport&)>& keep) {
    const Instant end = system_.clock.now();
    if (keep) {
        RunReport kept = snapshot();
        end_at(kept, end);
        keep(kept);
    }
    change([&](RunReport& report) { end_at(report, end); });
    return snapshot();
}

void RunRecord::over() const {
    if (when_over_) {
        when_over_();
    }
}

void RunRecord::beat() {
    change([](RunReport&) {});
}

RunReport RunRecord::snapshot() const {
    const std::lock_guard lock(mutex_);
    return report_;
}

int RunRecord::number() const {
    const std::lock_guard lock(mutex_);
    return report_.number;
}

void RunRecord::publish() {
    report_.heartbeat = system_.clock.now();
    try {
        status_.update([&](Json& status) {
            status["blocked"] = nullptr;  // nothing keeps a run from beginning
            if (report_.noop && report_.finished) {
                status["run"] = run_before_;
                return;
            }
            status["run"] = to_json(report_);
            status["run"]["heartbeat_every_s"] = heartbeat_interval.count();
            if (report_.finished && report_.health.error) {
                status["ready"] = false;
            }
            if (report_.is_good()) {
                status["ready"] = true;
                status["configured"] = {{"run", report_.number},
                                        {"at", to_json(*report_.finished)},
                                        {"revision", report_.revision_resolved},
                                        {"role", report_.role}};
            }
        });
        publish_problem_.clear();
    } catch (const Error& error) {
        if (publish_problem_ != error.message) {  // once, not at each change
            log(LogLevel::error, "status.json is not written: " + error.message);
        }
        publish_problem_ = error.message;
    }
}

}  // namespace bootwright
