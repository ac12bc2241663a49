#include "agent/commands/status.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/clock.hpp"
#include "common/base/text.hpp"
#include "common/documents/duration.hpp"
#include "common/processes/process_tree.hpp"

#include <algorithm>

namespace bootwright {

namespace {

using std::chrono::milliseconds;

ProcessId process_of(const Json& section) {
    return {static_cast<pid_t>(number_at(section, "pid")), number_at(section, "pid_start")};
}

milliseconds boot_time(const Json& instant) { return duration_of(member_at(instant, "monotonic_s")); }

std::string ago(const Json& instant, const Instant& now) {
    return to_human(std::max(now.since_boot - boot_time(instant), milliseconds(0))) + " ago";
}

std::string until(const Json& instant, const Instant& now) {
    return "in " + to_human(std::max(boot_time(instant) - now.since_boot, milliseconds(0)));
}

class View {
public:
    View(const Json& status, const Instant& now, const std::function<bool(ProcessId)>& alive)
        : run_(member_at(status, "run")),
          daemon_(member_at(status, "daemon")),
          blocked_(member_at(status, "blocked")),
          configured_(member_at(status, "configured")),
          locks_(member_at(status, "locks")),
          now_(now) {
        daemon_alive_ = daemon_.is_object() && string_at(daemon_, "state") != "stopped" && alive(process_of(daemon_));
        running_ = string_at(run_, "state") == "running";
        run_alive_ = running_ && alive(process_of(run_));
        const Json& beat = run_alive_ ? run_ : daemon_;
        const Json& every = member_at(beat, "heartbeat_every_s");
        const auto silence = now.since_boot - boot_time(member_at(beat, "heartbeat"));
        hangs_ = (run_alive_ || daemon_alive_) && every.is_number() && silence > 3 * duration_of(every);
    }

    StatusView make() {
        StatusView view;
        view.verdict = verdict();
        const std::string kind = string_at(member_at(blocked_.is_object() ? blocked_ : run_, "error"), "kind");
        // Goes on if no agent is running yet: at boot it may be a moment away.
        view.is_final = view.verdict == exit_ok ||
                        (view.verdict == exit_failed && !run_alive_ && (kind == "permanent" || !daemon_alive_));
        headline(view.verdict);
        body();
        view.lines = std::move(lines_);
        return view;
    }

private:
    [[nodiscard]] bool is_configured_by(std::uint64_t number) const {
        return member_at(configured_, "run") == Json(number);
    }

    [[nodiscard]] ExitStatus verdict() const {
        if (blocked_.is_object()) {
            return exit_failed;
        }
        if (!run_.is_object()) {
            return daemon_alive_ ? exit_not_yet : exit_not_running;
        }
        const bool is_noop = member_at(run_, "noop") == Json(true);
        if (running_ && run_alive_ && configured_.is_null()) {
            return exit_not_yet;
        }
        return is_configured_by(number_at(run_, (running_ && run_alive_) || is_noop ? "before" : "number"))
                   ? exit_ok
                   : exit_failed;
    }

    void headline(ExitStatus verdict) {
        const std::string role = run_.is_object() ? "role " + shown(member_at(run_, "role")) : "";
        switch (verdict) {
            case exit_ok:
                lines_.push_back("configured: role " + shown(member_at(configured_, "role")) + " at " +
                                 shown(member_at(configured_, "revision")).substr(0, 12));
                break;
            case exit_not_yet: lines_.emplace_back("not configured yet"); break;
            case exit_not_running:
                lines_.emplace_back("nothing has run since this boot, and no agent is running");
                break;
            default: lines_.emplace_back(configured_.is_null() ? "FAILED" : "FAILED (configured earlier in this boot)");
        }
        if (hangs_) {
            line("warning", "no sign of life from the agent since " +
                                ago(member_at(run_alive_ ? run_ : daemon_, "heartbeat"), now_) + ": it may hang");
        }
    }

    void line(const std::string& label, const std::string& text) {
        lines_.push_back("  " + label + std::string(label.size() < 10 ? 10 - label.size() : 1, ' ') + text);
    }

    void body() {
        describe_locks();
        if (blocked_.is_object()) {
            line("blocked", "no run can begin, since " + ago(member_at(blocked_, "since"), now_));
            describe_error(member_at(blocked_, "error"));
        }
        if (run_.is_object()) {
            describe_run();
        }
        describe_agent();
    }

    /// The file is only written when something looks at the locks.
    void describe_locks() {
        for (const Json& lock : locks_) {
            const Json& end = member_at(lock, "until");
            if (end.is_null() || boot_time(end) > now_.since_boot) {
                const Json& by = member_at(lock, "by");
                line("locked", shown(member_at(lock, "name")) + (by.is_null() ? "" : ", by " + shown(by)) +
                                   (end.is_null() ? "" : ", ends " + until(end, now_)) + ": " +
                                   shown(member_at(lock, "reason")) + "; no run begins");
            }
        }
    }

    void describe_run() {
        const Json& instance = member_at(run_, "instance");
        if (instance.is_object()) {
            const Json& zone =
                member_at(instance, "zone").is_null() ? member_at(instance, "region") : member_at(instance, "zone");
            line("instance", shown(member_at(instance, "id")) + " on " + shown(member_at(instance, "platform")) +
                                 (zone.is_null() ? "" : ", " + shown(zone)));
        }
        if (!member_at(run_, "role").is_null() || !member_at(member_at(run_, "revision"), "asked").is_null()) {
            const Json& revision = member_at(run_, "revision");
            line("asked for", "role " + shown(member_at(run_, "role")) + " at " + shown(member_at(revision, "asked")));
            if (!member_at(revision, "resolved").is_null() &&
                member_at(revision, "resolved") != member_at(revision, "asked")) {
                line("resolved", shown(member_at(revision, "resolved")));
            }
            if (!member_at(run_, "signer").is_null()) {
                line("signed by", shown(member_at(run_, "signer")));
            }
            if (member_at(run_, "configuration").is_object()) {
                line("config at", shown(member_at(member_at(run_, "configuration"), "resolved")));
            }
            for (const auto& [name, repository] : member_at(run_, "repositories").items()) {
                line(name + " at", shown(member_at(repository, "resolved")));
            }
        }
        const Json& kept = member_at(run_, "kept");
        if (kept.is_object()) {
            const Json& because = member_at(kept, "because");
            line("goes by", "the role config accepted at " + shown(member_at(kept, "accepted")) + ", because of " +
                                shown(member_at(because, "code")) + ": " + shown(member_at(because, "message")));
        }
        if (running_ && run_alive_) {
            describe_running();
        } else if (running_) {
            line("run", shown(member_at(run_, "number")) + " was cut off in stage " + shown(member_at(run_, "stage")) +
                            ": its agent (process " + shown(member_at(run_, "pid")) + ") is gone");
            line("do", daemon_alive_ ? "nothing: the daemon runs again"
                                     : "start it again: `systemctl start bootwright` or `bootwright run`");
        } else {
            describe_finished();
        }
    }

    void describe_running() {
        std::string text = shown(member_at(run_, "number")) + ", stage " + shown(member_at(run_, "stage")) +
                           ", attempt " + shown(member_at(run_, "attempt")) + " of " +
                           shown(member_at(run_, "attempts")) + ", begun " + ago(member_at(run_, "started"), now_);
        const Json& waiting = member_at(run_, "waiting");
        if (waiting.is_object()) {
            text += ", waiting for " + shown(member_at(waiting, "for")) + "; no longer than " +
                    until(member_at(waiting, "until"), now_).substr(3);
        }
        const Json& progress = member_at(run_, "progress");
        if (progress.is_object() && member_at(progress, "total") != Json(0)) {
            text += ", " + shown(member_at(progress, "what")) + " " + shown(member_at(progress, "done")) + " of " +
                    shown(member_at(progress, "total"));
        }
        line("run", text);
        describe_bad_checks("waits for");
        const Json& retry = member_at(run_, "retry");
        if (retry.is_object()) {
            describe_error(member_at(retry, "error"));
            line("next", "attempt " + until(member_at(retry, "at"), now_));
        }
    }

    void describe_finished() {
        std::string text = shown(member_at(run_, "number")) + ", " + shown(member_at(run_, "outcome")) + ", ended " +
                           ago(member_at(run_, "finished"), now_);
        const Json& duration = member_at(run_, "duration_s");
        if (duration.is_number()) {
            text += ", took " + to_human(duration_of(duration));
        }
        const Json& resources = member_at(run_, "resources");
        if (resources.is_object()) {
            text += ": " + counted(number_at(resources, "total"), "resource") + ", " +
                    shown(member_at(resources, "changed")) + " changed, " + shown(member_at(resources, "failed")) +
                    " failed";
        }
        const Json& checks = member_at(run_, "health");
        if (checks.is_array() && !checks.empty()) {
            const auto good = std::count_if(checks.begin(), checks.end(),
                                            [](const Json& check) { return member_at(check, "ok") == Json(true); });
            text += "; " + std::to_string(good) + " of " + counted(checks.size(), "health check") + " good";
        }
        line("run", text);
        describe_error(member_at(run_, "error"));
        describe_given_up();
        describe_bad_checks("bad check");
        describe_places();
        describe_slow();
        const Json& all_failed = member_at(run_, "failed_resources");
        for (const Json& failed : all_failed) {
            const Json& file = member_at(failed, "file");
            line("failed",
                 shown(member_at(failed, "resource")) +
                     (file.is_null() ? "" : " (" + shown(file) + ":" + shown(member_at(failed, "line")) + ")") + ": " +
                     shown(member_at(failed, "message")));
        }
        if (const std::uint64_t count = number_at(resources, "failed"); count > all_failed.size()) {
            line("failed", "and " + std::to_string(count - all_failed.size()) +
                               " more: see observation.json and puppet.jsonl of the run");
        }
        for (const Json& told : member_at(run_, "announced")) {
            line("announced", std::string(member_at(told, "good") == Json(true) ? "good" : "failed") + " to " +
                                  shown(member_at(told, "to")) + ": " + shown(member_at(told, "said")));
        }
        for (const Json& warning : member_at(run_, "warnings")) {
            line("warning", shown(warning));
        }
    }

    void describe_given_up() {
        const Json& bad = member_at(run_, "bad");
        if (bad.is_object() && member_at(bad, "given_up") == Json(true)) {
            line("given up", shown(member_at(bad, "revision")) + " after " +
                                 counted(number_at(bad, "failures"), "failure") +
                                 ", until the revision, the role config or the facts change; `bootwright run` "
                                 "tries it all the same");
        }
        const Json& instead = member_at(run_, "instead");
        if (!instead.is_object()) {
            return;
        }
        const std::string which = shown(member_at(instead, "revision")) + " of run " + shown(member_at(instead, "run"));
        if (member_at(instead, "error").is_object()) {
            line("instead", "the last good revision " + which + " was to be applied again: " +
                                shown(member_at(member_at(instead, "error"), "message")));
        } else {
            line("instead",
                 "the last good revision " + which + " was applied again: " + shown(member_at(instead, "outcome")) +
                     ". That converges to the old state and is no undo: what only the newer one managed stays");
        }
    }

    void describe_bad_checks(const std::string& label) {
        for (const Json& check : member_at(run_, "health")) {
            if (member_at(check, "ok") == Json(false)) {
                line(label, shown(member_at(check, "check")) + ": " + shown(member_at(check, "said")));
            }
        }
    }

    /// What the places said that did not give it.
    void describe_places() {
        for (const Json& place : member_at(run_, "places")) {
            if (member_at(place, "said") != Json("gave it")) {
                line("place", shown(member_at(place, "place")) + " said: " + shown(member_at(place, "said")));
            }
        }
    }

    /// What took long: after a bad run, or after one of more than a minute.
    void describe_slow() {
        constexpr milliseconds long_run{60000};
        if (!member_at(run_, "error").is_null() || duration_of(member_at(run_, "duration_s")) > long_run) {
            list_slow(member_at(run_, "slow_facts"), "fact", "the fact ");
            list_slow(member_at(run_, "slowest"), "resource", "");
        }
    }

    void list_slow(const Json& list, const char* what, const std::string& called) {
        constexpr milliseconds worth_a_line{1000};
        constexpr int most_lines = 3;
        int lines = 0;
        for (const Json& took : list) {
            const milliseconds duration = duration_of(member_at(took, "seconds"));
            if (duration >= worth_a_line && lines++ < most_lines) {
                line("slow", called + shown(member_at(took, what)) + ": " + to_human(duration));
            }
        }
    }

    void describe_error(const Json& error) {
        if (error.is_object()) {
            if (const Json& stage = member_at(error, "stage"); !stage.is_null()) {
                line("stage", shown(stage));
            }
            line("error", shown(member_at(error, "code")) + " (" + shown(member_at(error, "kind")) + ")");
            line("what", shown(member_at(error, "message")));
            line("do", shown(member_at(error, "advice")));
        }
    }

    void describe_agent() {
        const Json& next = member_at(daemon_, "next");
        if (daemon_alive_ && next.is_object()) {
            const Json& at = member_at(next, "at");
            line("next run", (at.is_null() ? "" : until(at, now_) + ": ") + shown(member_at(next, "reason")));
        } else if (daemon_alive_ && !running_) {
            line("next run",
                 std::string("none planned: ") +
                     (member_at(daemon_, "watching") == Json(true) ? "when the instance's metadata changes, " : "") +
                     "at boot, at SIGHUP (`systemctl reload bootwright`), or by `bootwright run`");
        }
        if (daemon_alive_) {
            line("daemon", shown(member_at(daemon_, "state")) + ", process " + shown(member_at(daemon_, "pid")));
        } else {
            line("daemon", "not running: `systemctl start bootwright` starts it");
        }
    }

    const Json& run_;
    const Json& daemon_;
    const Json& blocked_;
    const Json& configured_;
    const Json& locks_;
    Instant now_;
    bool daemon_alive_ = false;
    bool running_ = false;
    bool run_alive_ = false;
    bool hangs_ = false;
    std::vector<std::string> lines_{};
};

}  // namespace

StatusView view_status(const Json& status, const Instant& now, const std::function<bool(ProcessId)>& alive) {
    return View(status, now, alive).make();
}

void print_view(const StatusView& view) { std::for_each(view.lines.begin(), view.lines.end(), print_line); }

namespace {

std::optional<milliseconds> limit_of(const CommandArguments& given) {
    const std::string text = given.value("--timeout");
    const auto limit = parse_duration(text);
    if (!text.empty() && !limit) {
        throw UsageError{"--timeout: expected a duration such as 90s, 10m or 1h"};
    }
    return limit;
}

int run(const System& system, const CommandArguments& given) {
    constexpr milliseconds poll_interval{250};
    const auto limit = limit_of(given);
    const StatusFile file(system);
    const auto start = system.clock.now().since_boot;
    while (true) {
        const Json status = file.read();
        const Instant now = system.clock.now();
        const StatusView view = view_status(status, now, is_running);
        const bool timed_out = limit && now.since_boot - start >= *limit;
        if (!given.has("--wait") || view.is_final || timed_out) {
            if (given.has("--json")) {
                print_json(status);
            } else {
                print_view(view);
            }
            return timed_out && !view.is_final && view.verdict != exit_not_running ? exit_not_yet : view.verdict;
        }
        system.clock.sleep(poll_interval, {});
    }
}

const Command command{
    .name = "status",
    .help = "Say what is configured, what is wrong, and what happens next",
    .options = {{CommandOption::Kind::flag, "--json", "Print status.json"},
                {CommandOption::Kind::flag, "--wait",
                 "Wait until the instance is configured, or cannot be without help"},
                {.kind = CommandOption::Kind::option,
                 .name = "--timeout",
                 .help = "Wait no longer than this, such as 90s or 10m",
                 .needs = "--wait",
                 .value = "DURATION"}},
    .examples = {{"bootwright status", "How this machine is, and what happens next"},
                 {"bootwright status --wait --timeout 10m", "For scripts: 0 once the instance is configured"},
                 {"bootwright status --json", "For programs"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
