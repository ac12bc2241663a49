#include "agent/commands/status/status_run.hpp"

#include "agent/commands/status/status_source.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

namespace bootwright {

using std::chrono::milliseconds;

namespace {

/// How far the run is in what it counts at the moment. Nothing where it counts nothing.
struct Counted {
    std::string what;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    milliseconds since{};
    bool has_since = false;  ///< an older agent does not say since when
};

std::optional<Counted> counted_in(const Json& run) {
    const Json& progress = member_at(run, "progress");
    Counted found{.what = shown(member_at(progress, "what")),
                  .done = number_at(progress, "done"),
                  .total = number_at(progress, "total"),
                  .since = boot_time(member_at(progress, "since")),
                  .has_since = member_at(progress, "since").is_object()};
    found.done = std::min(found.done, found.total);
    return found.total > 0 ? std::optional(found) : std::nullopt;
}

/// As long again for each as for those that are done. Not known at the beginning, when that says nothing yet.
std::optional<milliseconds> time_left(const Counted& counted, const Instant& now) {
    constexpr milliseconds long_enough{2000};
    constexpr std::uint64_t enough_shares = 20;
    const milliseconds so_far = now.since_boot - counted.since;
    if (!counted.has_since || so_far < long_enough || counted.done == counted.total ||
        counted.done < counted.total / enough_shares + 1) {
        return std::nullopt;
    }
    const double share_left = static_cast<double>(counted.total - counted.done) / static_cast<double>(counted.done);
    return milliseconds(static_cast<long long>(static_cast<double>(so_far.count()) * share_left));
}

std::vector<Piece> bar_of(const Counted& counted) {
    constexpr std::size_t width = 30;
    constexpr std::uint64_t hundred = 100;
    const double share = static_cast<double>(counted.done) / static_cast<double>(counted.total);
    const auto filled = static_cast<std::size_t>(share * width);
    return {{"["},
            {std::string(filled, '#'), Tone::good},
            {std::string(width - filled, '.'), Tone::quiet},
            {"] " + std::to_string(static_cast<std::uint64_t>(share * hundred)) + " %, "}};
}

/// "File[/etc/motd] (manifests/site.pp:7)"
std::string with_place(const Json& resource) {
    const Json& file = member_at(resource, "file");
    return shown(member_at(resource, "resource")) +
           (file.is_null() ? "" : " (" + shown(file) + ":" + shown(member_at(resource, "line")) + ")");
}

class RunLines {
public:
    RunLines(StatusFields& fields, const SeenRun& seen) : fields_(fields), seen_(seen), run_(seen.run) {}

    void describe() {
        describe_instance();
        describe_revision();
        describe_kept();
        if (seen_.is_running && seen_.is_alive) {
            describe_running();
        } else if (seen_.is_running) {
            describe_cut_off();
        } else {
            describe_finished();
        }
    }

private:
    [[nodiscard]] const Json& at(const char* key) const { return member_at(run_, key); }

    void describe_instance() {
        const Json& instance = at("instance");
        if (instance.is_object()) {
            const Json& zone =
                member_at(instance, "zone").is_null() ? member_at(instance, "region") : member_at(instance, "zone");
            fields_.add("instance", shown(member_at(instance, "id")) + " on " + shown(member_at(instance, "platform")) +
                                        (zone.is_null() ? "" : ", " + shown(zone)));
        }
    }

    void describe_revision() {
        const Json& asked = member_at(at("revision"), "asked");
        if (at("role").is_null() && asked.is_null()) {
            return;
        }
        fields_.add("asked for", "role " + shown(at("role")) + " at " + shown(asked));
        const Json& resolved = member_at(at("revision"), "resolved");
        if (!resolved.is_null()) {
            const Json& subject = member_at(at("commit"), "subject");
            fields_.add("revision",
                        {{short_id(resolved), Tone::strong}, {subject.is_null() ? "" : " " + shown(subject)}});
            describe_commit(at("commit"));
        }
        if (!at("signer").is_null()) {
            fields_.add("signed by", shown(at("signer")));
        }
        describe_source(fields_, run_);
        if (at("configuration").is_object()) {
            fields_.add("config at", short_id(member_at(at("configuration"), "resolved")));
        }
        for (const auto& [name, repository] : at("repositories").items()) {
            fields_.add(name + " at", short_id(member_at(repository, "resolved")));
        }
    }

    /// What an older agent does not tell.
    void describe_commit(const Json& commit) {
        if (!commit.is_object()) {
            return;
        }
        const Json& date = member_at(commit, "date");
        const Json& tag = member_at(commit, "tag");
        fields_.add("by", shown(member_at(commit, "author")) + (date.is_null() ? "" : ", " + minute(date) + " UTC") +
                              (tag.is_null() ? "" : ", tag " + shown(tag)));
        if (const Json& since = member_at(commit, "since"); since.is_object()) {
            fields_.add("changes", counted(number_at(since, "files"), "file") + " since " +
                                       short_id(member_at(since, "revision")));
        }
    }

    void describe_kept() {
        const Json& kept = at("kept");
        if (kept.is_object()) {
            const Json& because = member_at(kept, "because");
            const bool is_the_error = member_at(at("error"), "message") == member_at(because, "message");
            fields_.add("goes by",
                        "the role config accepted at " + shown(member_at(kept, "accepted")) +
                            (is_the_error ? ", in place of the new one: see the error"
                                          : ", because of " + shown(member_at(because, "code")) + ": " +
                                                shown(member_at(because, "message"))),
                        Tone::doubtful);
        }
    }

    void describe_cut_off() {
        fields_.add("run",
                    shown(at("number")) + " was cut off in stage " + shown(at("stage")) + ": its agent (process " +
                        shown(at("pid")) + ") is gone",
                    Tone::bad);
        describe_hooks();
        fields_.add("do", seen_.has_daemon ? "nothing: the daemon runs again"
                                           : "start it again: `systemctl start bootwright` or `bootwright run`");
    }

    void describe_running() {
        std::string text = shown(at("number")) + ", stage " + shown(at("stage")) + ", attempt " + shown(at("attempt")) +
                           " of " + shown(at("attempts")) + ", begun " + ago(at("started"), seen_.now);
        const Json& waiting = at("waiting");
        if (waiting.is_object()) {
            text += ", waiting for " + shown(member_at(waiting, "for")) + "; no longer than " +
                    until(member_at(waiting, "until"), seen_.now).substr(3);
        }
        fields_.add("run", text);
        if (const auto counted = counted_in(run_)) {
            std::vector<Piece> bar = bar_of(*counted);
            bar.push_back({progress_of(run_, seen_.now)});
            fields_.add("progress", std::move(bar));
        }
        describe_hooks();
        describe_bad_checks("waits for");
        const Json& retry = at("retry");
        if (retry.is_object()) {
            describe_error(fields_, member_at(retry, "error"));
            fields_.add("next", "attempt " + until(member_at(retry, "at"), seen_.now));
        }
    }

    void describe_finished() {
        std::string text =
            shown(at("number")) + ", " + shown(at("outcome")) + ", ended " + ago(at("finished"), seen_.now);
        if (at("duration_s").is_number()) {
            text += ", took " + to_human(duration_of(at("duration_s")));
        }
        const Json& resources = at("resources");
        if (resources.is_object()) {
            text += ": " + counted(number_at(resources, "total"), "resource") + ", " +
                    shown(member_at(resources, "changed")) + " changed, " + shown(member_at(resources, "failed")) +
                    " failed";
        }
        const Json& checks = at("health");
        if (checks.is_array() && !checks.empty()) {
            const auto good = std::count_if(checks.begin(), checks.end(),
                                            [](const Json& check) { return member_at(check, "ok") == Json(true); });
            text += "; " + std::to_string(good) + " of " + counted(checks.size(), "health check") + " good";
        }
        fields_.add("run", text);
        describe_error(fields_, at("error"));
        describe_given_up();
        describe_bad_checks("bad check");
        describe_hooks();
        describe_resources();
        describe_slow();
        for (const Json& told : at("announced")) {
            const bool is_good = member_at(told, "good") == Json(true);
            fields_.add("announced", std::string(is_good ? "good" : "failed") + " to " + shown(member_at(told, "to")) +
                                         ": " + shown(member_at(told, "said")));
        }
        for (const Json& warning : at("warnings")) {
            fields_.add("warning", shown(warning), Tone::doubtful);
        }
    }

    void describe_hooks() {
        for (const Json& hook : at("hooks")) {
            const Json& took = member_at(hook, "took_s");
            const std::string what = took.is_null()
                                         ? std::string(seen_.is_alive ? ": under way" : ": was cut off")
                                         : ", " + to_human(duration_of(took)) + ": " + shown(member_at(hook, "said"));
            fields_.add(
                "hook", shown(member_at(hook, "hook")) + what,
                member_at(hook, "ok") == Json(true) || (took.is_null() && seen_.is_alive) ? Tone::plain : Tone::bad);
        }
    }

    void describe_resources() {
        for (const Json& failed : at("failed_resources")) {
            fields_.add("failed", with_place(failed) + ": " + shown(member_at(failed, "message")), Tone::bad);
        }
        const Json& counts = at("resources");
        describe_rest("failed", number_at(counts, "failed"), at("failed_resources").size(), Tone::bad);
        const Json& drifted = at("drifted_resources");
        for (const Json& one : drifted) {
            fields_.add("drift", with_place(one), Tone::doubtful);
        }
        const std::uint64_t out_of_sync = number_at(counts, "out_of_sync");
        const std::uint64_t changed = number_at(counts, "changed");
        if (!drifted.empty() && out_of_sync > changed) {
            describe_rest("drift", out_of_sync - changed, drifted.size(), Tone::doubtful);
        }
    }

    void describe_rest(const std::string& label, std::uint64_t all, std::uint64_t told, Tone tone) {
        if (all > told) {
            fields_.add(label,
                        "and " + std::to_string(all - told) + " more: see observation.json and puppet.jsonl of the run",
                        tone);
        }
    }

    void describe_given_up() {
        const Json& bad = at("bad");
        if (bad.is_object() && member_at(bad, "given_up") == Json(true)) {
            fields_.add("given up",
                        shown(member_at(bad, "revision")) + " after " + counted(number_at(bad, "failures"), "failure") +
                            ", until the revision, the role config or the facts change; `bootwright run` "
                            "tries it all the same",
                        Tone::bad);
        }
        const Json& instead = at("instead");
        if (!instead.is_object()) {
            return;
        }
        const std::string which = shown(member_at(instead, "revision")) + " of run " + shown(member_at(instead, "run"));
        if (member_at(instead, "error").is_object()) {
            fields_.add("instead",
                        "the last good revision " + which +
                            " was to be applied again: " + shown(member_at(member_at(instead, "error"), "message")),
                        Tone::bad);
        } else {
            fields_.add("instead",
                        "the last good revision " + which +
                            " was applied again: " + shown(member_at(instead, "outcome")) +
                            ". That converges to the old state and is no undo: what only the newer one managed stays",
                        Tone::doubtful);
        }
    }

    void describe_bad_checks(const std::string& label) {
        for (const Json& check : at("health")) {
            if (member_at(check, "ok") == Json(false)) {
                fields_.add(label, shown(member_at(check, "check")) + ": " + shown(member_at(check, "said")),
                            Tone::bad);
            }
        }
    }

    /// What took long: after a bad run, or after one of more than a minute.
    void describe_slow() {
        constexpr milliseconds long_run{60000};
        if (!at("error").is_null() || duration_of(at("duration_s")) > long_run) {
            list_slow(at("slow_facts"), "fact", "the fact ");
            list_slow(at("slowest"), "resource", "");
        }
    }

    void list_slow(const Json& list, const char* what, const std::string& called) {
        constexpr milliseconds worth_a_line{1000};
        constexpr int most_lines = 3;
        int lines = 0;
        for (const Json& took : list) {
            const milliseconds duration = duration_of(member_at(took, "seconds"));
            if (duration >= worth_a_line && lines++ < most_lines) {
                fields_.add("slow", called + shown(member_at(took, what)) + ": " + to_human(duration));
            }
        }
    }

    StatusFields& fields_;
    const SeenRun& seen_;
    const Json& run_;
};

}  // namespace

void StatusFields::add(const std::string& label, const std::string& text, Tone tone) {
    add(label, std::vector<Piece>{{text}}, tone);
}

void StatusFields::add(const std::string& label, std::vector<Piece> pieces, Tone tone) {
    constexpr std::size_t width = 10;
    constexpr std::size_t left = 2;
    Line line{.pieces = {{std::string(left, ' ')},
                         {label, tone},
                         {std::string(label.size() < width ? width - label.size() : 1, ' ')}},
              .indent = left + width};
    std::move(pieces.begin(), pieces.end(), std::back_inserter(line.pieces));
    lines_.push_back(std::move(line));
}

milliseconds boot_time(const Json& instant) { return duration_of(member_at(instant, "monotonic_s")); }

std::string ago(const Json& instant, const Instant& now) {
    return to_human(std::max(now.since_boot - boot_time(instant), milliseconds(0))) + " ago";
}

std::string until(const Json& instant, const Instant& now) {
    return "in " + to_human(std::max(boot_time(instant) - now.since_boot, milliseconds(0)));
}

std::string short_id(const Json& revision) {
    constexpr std::size_t digits = 12;
    return shown(revision).substr(0, digits);
}

std::string progress_of(const Json& run, const Instant& now) {
    const auto counted = counted_in(run);
    if (!counted) {
        return "";
    }
    const auto left = time_left(*counted, now);
    return counted->what + " " + std::to_string(counted->done) + " of " + std::to_string(counted->total) +
           (left ? ", about " + to_human(*left) + " left" : "");
}

void describe_error(StatusFields& fields, const Json& error) {
    if (error.is_object()) {
        if (const Json& stage = member_at(error, "stage"); !stage.is_null()) {
            fields.add("stage", shown(stage), Tone::bad);
        }
        fields.add("error", shown(member_at(error, "code")) + " (" + shown(member_at(error, "kind")) + ")", Tone::bad);
        fields.add("what", shown(member_at(error, "message")), Tone::bad);
        fields.add("do", shown(member_at(error, "advice")), Tone::strong);
    }
}

void describe_run(StatusFields& fields, const SeenRun& seen) { RunLines(fields, seen).describe(); }

}  // namespace bootwright
