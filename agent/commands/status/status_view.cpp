// What is shown of a status as a whole; status_run.cpp has what is shown of its run.

#include "agent/commands/output.hpp"
#include "agent/commands/status/status.hpp"
#include "agent/commands/status/status_run.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <iterator>

namespace bootwright {

namespace {

using std::chrono::milliseconds;

class View {
public:
    View(const Json& status, const Instant& now, const std::function<bool(ProcessId)>& alive)
        : run_(member_at(status, "run")),
          daemon_(member_at(status, "daemon")),
          unreadable_(member_at(status, "unreadable")),
          blocked_(member_at(status, "blocked")),
          configured_(member_at(status, "configured")),
          locks_(member_at(status, "locks")),
          now_(now) {
        daemon_alive_ = daemon_.is_object() && string_at(daemon_, "state") != "stopped" && alive(process_in(daemon_));
        running_ = string_at(run_, "state") == "running";
        has_process_ = alive(process_in(run_));
        run_alive_ = running_ && has_process_;
        const Json& beat = run_alive_ ? run_ : daemon_;
        const Json& every = member_at(beat, "heartbeat_every_s");
        const auto silence = now.since_boot - boot_time(member_at(beat, "heartbeat"));
        hangs_ = (run_alive_ || daemon_alive_) && every.is_number() && silence > 3 * duration_of(every);
    }

    StatusView make() {
        const std::string kind = string_at(member_at(blocked_.is_object() ? blocked_ : run_, "error"), "kind");
        const ExitStatus verdict = this->verdict();
        // Goes on if no agent is running yet: at boot it may be a moment away.
        const bool is_final =
            verdict == exit_ok || (verdict == exit_failed && !run_alive_ && (kind == "permanent" || !daemon_alive_));
        StatusView view{.verdict = verdict, .is_final = is_final, .is_running = run_alive_};
        view.lines.push_back(headline(verdict));
        describe_body();
        std::vector<Line> fields = fields_.take();
        std::move(fields.begin(), fields.end(), std::back_inserter(view.lines));
        view.one_line = one_line(verdict);
        return view;
    }

private:
    [[nodiscard]] bool is_configured_by(std::uint64_t number) const {
        return member_at(configured_, "run") == Json(number);
    }

    [[nodiscard]] ExitStatus verdict() const {
        if (blocked_.is_object() || unreadable_.is_object()) {
            return exit_failed;
        }
        if (!run_.is_object()) {
            return daemon_alive_ ? exit_not_yet : exit_not_running;
        }
        const bool is_noop = member_at(run_, "noop") == Json(true);
        if (running_ && run_alive_ && configured_.is_null()) {
            return exit_not_yet;
        }
        const bool by_run_before = (running_ && run_alive_) || is_noop;
        return is_configured_by(by_run_before ? number_before() : number_at(run_, "number")) ? exit_ok : exit_failed;
    }

    /// Of the run that the status showed before this one. An older agent, whose every run did something, does not say it.
    [[nodiscard]] std::uint64_t number_before() const {
        return run_.contains("before") ? number_at(run_, "before") : number_at(run_, "number") - 1;
    }

    [[nodiscard]] Line headline(ExitStatus verdict) const {
        switch (verdict) {
            case exit_ok:
                return {{{"configured", Tone::good},
                         {": role " + shown(member_at(configured_, "role")) + " at " +
                          short_id(member_at(configured_, "revision"))}}};
            case exit_not_yet:
                return {{{"not configured yet", Tone::doubtful},
                         {run_.is_object() ? ": " + run_under_way() : ": no run has begun"}}};
            case exit_not_running:
                return {{{"nothing has run", Tone::doubtful}, {" since this boot, and no agent is running"}}};
            default:
                if (unreadable_.is_object()) {
                    return {{{"NOT KNOWN", Tone::bad}, {": " + shown(member_at(unreadable_, "code"))}}};
                }
                return {{{"FAILED", Tone::bad},
                         {what_failed() + (configured_.is_null() ? "" : " (configured earlier in this boot)")}}};
        }
    }

    [[nodiscard]] std::string run_under_way() const {
        return "run " + shown(member_at(run_, "number")) + " is under way";
    }

    [[nodiscard]] std::string what_failed() const {
        if (blocked_.is_object()) {
            return ": no run can begin: " + shown(member_at(member_at(blocked_, "error"), "code"));
        }
        if (run_alive_) {
            return " before; " + run_under_way();
        }
        if (running_) {
            return ": run " + shown(member_at(run_, "number")) + " was cut off";
        }
        const Json& error = member_at(run_, "error");
        return error.is_object() ? " in " + shown(member_at(error, "stage")) + ": " + shown(member_at(error, "code"))
                                 : "";
    }

    /// The headline, the run, and what happens next.
    [[nodiscard]] Line one_line(ExitStatus verdict) const {
        Line line = headline(verdict);
        line.is_one_row = true;
        const Json& next = member_at(daemon_, "next");
        std::string rest;
        if (run_alive_) {
            rest = (verdict == exit_ok ? "; " + run_under_way() : "") + "; " + what_it_does();
        } else if (run_.is_object() && !running_) {
            rest = "; run " + shown(member_at(run_, "number")) + " " + shown(member_at(run_, "outcome")) + " " +
                   ago(member_at(run_, "finished"), now_);
        }
        if (!daemon_alive_ && verdict != exit_not_running && !run_alive_) {
            rest += "; no daemon";
        } else if (daemon_alive_ && member_at(next, "at").is_object()) {
            rest += "; next " + until(member_at(next, "at"), now_);
        }
        line.pieces.push_back({rest});
        if (std::any_of(locks_.begin(), locks_.end(), [&](const Json& lock) { return holds(lock); })) {
            line.pieces.push_back({"; locked", Tone::doubtful});
        }
        if (hangs_) {
            line.pieces.push_back({"; it may hang", Tone::doubtful});
        }
        return line;
    }

    [[nodiscard]] std::string what_it_does() const {
        const Json& retry = member_at(run_, "retry");
        const std::string progress =
            retry.is_object() ? "next attempt " + until(member_at(retry, "at"), now_) : progress_of(run_, now_);
        return shown(member_at(run_, "stage")) + (progress.empty() ? "" : ", " + progress);
    }

    /// The file is only written when something looks at the locks.
    [[nodiscard]] bool holds(const Json& lock) const {
        const Json& end = member_at(lock, "until");
        return end.is_null() || boot_time(end) > now_.since_boot;
    }

    static std::string what_removes(const Json& lock) {
        return member_at(lock, "file").is_null() ? "bootwright unlock " + shown(member_at(lock, "name"))
                                                 : "puppet agent --enable";
    }

    void describe_locks() {
        for (const Json& lock : locks_) {
            if (holds(lock)) {
                const Json& by = member_at(lock, "by");
                const Json& since = member_at(lock, "since");
                const Json& end = member_at(lock, "until");
                fields_.add("locked",
                            shown(member_at(lock, "name")) + (by.is_null() ? "" : ", by " + shown(by)) +
                                (since.is_null() ? "" : ", since " + minute(since) + " UTC") +
                                (end.is_null() ? "" : ", ends " + until(end, now_)) + ": " +
                                shown(member_at(lock, "reason")) + "; no run begins " +
                                (end.is_null() ? "until `" : "before that, or `") + what_removes(lock) + "`",
                            Tone::doubtful);
            }
        }
    }

    void describe_body() {
        if (hangs_) {
            fields_.add("warning",
                        "no sign of life from the agent since " +
                            ago(member_at(run_alive_ ? run_ : daemon_, "heartbeat"), now_) + ": it may hang",
                        Tone::doubtful);
        }
        describe_locks();
        describe_error(fields_, unreadable_);
        if (blocked_.is_object()) {
            fields_.add("blocked", "no run can begin, since " + ago(member_at(blocked_, "since"), now_), Tone::bad);
            describe_error(fields_, member_at(blocked_, "error"));
        }
        if (run_.is_object()) {
            describe_run(fields_, {run_, now_, running_, has_process_, daemon_alive_});
        }
        describe_agent();
        describe_age();
    }

    void describe_agent() {
        const Json& next = member_at(daemon_, "next");
        if (daemon_alive_ && next.is_object()) {
            const Json& at = member_at(next, "at");
            fields_.add("next run", (at.is_null() ? "" : until(at, now_) + ": ") + shown(member_at(next, "reason")));
        } else if (daemon_alive_ && !running_) {
            fields_.add(
                "next run",
                std::string("none planned: ") +
                    (member_at(daemon_, "watching") == Json(true) ? "when the instance's metadata changes, " : "") +
                    "at boot, at SIGHUP (`systemctl reload bootwright`), or by `bootwright run`");
        }
        if (daemon_alive_) {
            fields_.add("daemon", shown(member_at(daemon_, "state")) + ", process " + shown(member_at(daemon_, "pid")));
        } else {
            fields_.add("daemon", "not running: `systemctl start bootwright` starts it", Tone::doubtful);
        }
    }

    /// The later of the two that write the status.
    void describe_age() {
        const Json* latest = nullptr;
        for (const Json* writer : {&run_, &daemon_}) {
            const Json& beat = member_at(*writer, "heartbeat");
            if (beat.is_object() && (latest == nullptr || boot_time(beat) > boot_time(*latest))) {
                latest = &beat;
            }
        }
        if (latest != nullptr) {
            fields_.add("as of", ago(*latest, now_));
        }
    }

    const Json& run_;
    const Json& daemon_;
    const Json& unreadable_;
    const Json& blocked_;
    const Json& configured_;
    const Json& locks_;
    Instant now_;
    StatusFields fields_{};
    bool daemon_alive_ = false;
    bool running_ = false;
    bool has_process_ = false;  ///< the run's agent; it may have hooks at work after the run's end
    bool run_alive_ = false;
    bool hangs_ = false;
};

}  // namespace

StatusView view_status(const Json& status, const Instant& now, const std::function<bool(ProcessId)>& alive) {
    return View(status, now, alive).make();
}

void print_view(const StatusView& view) {
    for (const Line& line : view.lines) {
        print_line(line);
    }
}

}  // namespace bootwright
