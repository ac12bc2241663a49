#include "agent/record/run_report.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"

#include <cmath>
#include <utility>

namespace bootwright {

namespace {

double seconds(std::chrono::milliseconds duration) { return static_cast<double>(duration.count()) / 1000.0; }

/// To milliseconds.
double rounded(double seconds) { return std::round(seconds * 1000.0) / 1000.0; }

Json error_json(const Error& error, Stage stage) {
    Json json = to_json(error);
    json["stage"] = to_string(stage);
    return json;
}

Json counts_json(const ResourceCounts& counts) {
    return {{"total", counts.total},
            {"changed", counts.changed},
            {"failed", counts.failed},
            {"skipped", counts.skipped},
            {"out_of_sync", counts.out_of_sync}};
}

Json failed_json(const FailedResource& failed) {
    return {{"resource", failed.resource},
            {"message", failed.message},
            {"file", text_or_null(failed.file)},
            {"line", failed.line > 0 ? Json(failed.line) : Json()}};
}

Json drifted_json(const FailedResource& drifted) {
    Json json = failed_json(drifted);
    json.erase("message");
    return json;
}

/// null if there is no revision yet, or nothing is known of it.
Json commit_json(const CommitWords& words) {
    if (words.author.empty() && words.subject.empty()) {
        return {};
    }
    const std::chrono::system_clock::time_point written{std::chrono::seconds(words.written)};
    return {
        {"subject", words.subject},
        {"author", words.author},
        {"date", words.written == 0 ? Json() : Json(to_iso8601(written))},
        {"tag", text_or_null(words.tag)},
        {"since", words.before.empty() ? Json() : Json{{"revision", words.before}, {"files", words.files_changed}}}};
}

/// null if there is nothing.
template <typename Value, typename Convert>
Json optional_json(const std::optional<Value>& value, Convert convert) {
    return value ? convert(*value) : Json();
}

Json instead_json(const RunReport::Instead& instead) {
    return {{"run", instead.run},
            {"revision", instead.revision},
            {"configuration", text_or_null(instead.configuration)},
            {"outcome", to_string(instead.puppet.outcome)},
            {"error", optional_json(instead.puppet.error, [](const Error& error) { return to_json(error); })},
            {"resources", optional_json(instead.puppet.resources, counts_json)}};
}

Json repositories_json(const RunReport& report) {
    Json json = Json::object();
    for (const auto& [name, asked] : report.repositories_asked) {
        const auto resolved = report.repositories_resolved.find(name);
        json[name] = {{"asked", asked},
                      {"resolved", resolved == report.repositories_resolved.end() ? Json() : Json(resolved->second)}};
    }
    return json;
}

/// @param start of the run
Json took_json(const std::vector<Took>& durations, const char* what, const Instant& start) {
    Json json = Json::array();
    for (const Took& took : durations) {
        const Json from =
            optional_json(took.began, [&](double began) { return Json(rounded(began - seconds(start.since_boot))); });
        json.push_back({{what, took.what}, {"seconds", took.seconds}, {"from_s", from}});
    }
    return json;
}

const char* name_of(RunReport::Step::Kind kind) {
    using Kind = RunReport::Step::Kind;
    switch (kind) {
        case Kind::stage: return "stage";
        case Kind::wait: return "wait";
        case Kind::pause: return "pause";
        case Kind::place: break;
    }
    return "place";
}

Json steps_json(const std::vector<RunReport::Step>& steps) {
    Json json = Json::array();
    for (const RunReport::Step& step : steps) {
        const Json took =
            optional_json(step.took, [](std::chrono::milliseconds duration) { return Json(seconds(duration)); });
        json.push_back(
            {{"kind", name_of(step.kind)}, {"what", step.what}, {"from_s", seconds(step.from)}, {"took_s", took}});
    }
    return json;
}

Json hooks_json(const std::vector<RunReport::Hook>& hooks) {
    Json json = Json::array();
    for (const RunReport::Hook& hook : hooks) {
        const Json took =
            optional_json(hook.took, [](std::chrono::milliseconds duration) { return Json(seconds(duration)); });
        json.push_back({{"hook", hook.name},
                        {"ok", took.is_null() ? Json() : Json(hook.ok)},
                        {"said", text_or_null(hook.said)},
                        {"exit_status", optional_json(hook.exit_status, [](int status) { return Json(status); })},
                        {"took_s", took}});
    }
    return json;
}

std::string plain_line(const RunReport& report) {
    const std::string stage(to_string(report.stage));
    if (report.is_good()) {
        return "configured: " + (report.role.empty() ? "" : "role " + report.role + " ") + "at " +
               report.revision_resolved.substr(0, 12) + ", " + std::string(to_string(report.puppet.outcome));
    }
    if (report.finished) {
        return "failed in " + stage + ": " + report.error->code + ": " + report.error->message;
    }
    std::string line = stage;
    if (report.attempts > 1) {
        line += ", attempt " + std::to_string(report.attempt) + " of " + std::to_string(report.attempts);
    }
    if (report.retry) {
        return line + " failed (" + report.retry->error.code + "), next in " + to_human(report.retry->delay);
    }
    if (report.waiting) {
        return line + ": waiting for " + report.waiting->what;
    }
    if (report.progress && report.progress->total > 0) {
        line += ": " + report.progress->what + " " + std::to_string(report.progress->done) + " of " +
                std::to_string(report.progress->total);
    }
    return line;
}

Json way_json(PuppetStart::Way way) {
    switch (way) {
        case PuppetStart::Way::none: break;
        case PuppetStart::Way::warm: return "warm";
        case PuppetStart::Way::cold: return "cold";
    }
    return {};
}

}  // namespace

std::string one_line(const RunReport& report) {
    constexpr std::size_t longest = 400;
    return shortened(printable(plain_line(report)), longest);
}

std::string_view to_string(Stage stage) {
    switch (stage) {
        case Stage::hooks: return "hooks";
        case Stage::platform: return "platform";
        case Stage::role: return "role";
        case Stage::repository: return "repository";
        case Stage::puppet: return "puppet";
        case Stage::health: return "health";
        case Stage::record: return "record";
    }
    return "unknown";
}

std::string_view to_string(RunCause cause) {
    switch (cause) {
        case RunCause::boot: return "boot";
        case RunCause::restart: return "restart";
        case RunCause::schedule: return "schedule";
        case RunCause::metadata: return "metadata";
        case RunCause::retry: return "retry";
        case RunCause::asked_for: return "asked_for";
    }
    return "unknown";
}

Json to_json(const Instant& instant) {
    return {{"wall", to_iso8601(instant.wall)}, {"monotonic_s", seconds(instant.since_boot)}};
}

Json to_json(const RunReport& report) {
    Json failed = Json::array();
    for (const FailedResource& resource : report.puppet.failed_resources) {
        failed.push_back(failed_json(resource));
    }
    Json drifted = Json::array();
    for (const FailedResource& resource : report.puppet.drifted_resources) {
        drifted.push_back(drifted_json(resource));
    }
    Json warnings = report.warnings;
    for (const std::string& warning : report.puppet.warnings) {
        warnings.push_back(warning);
    }
    Json places = Json::array();
    for (const PlaceAnswer& answer : report.places) {
        places.push_back({{"place", answer.place},
                          {"of", text_or_null(answer.of)},
                          {"module", text_or_null(answer.module)},
                          {"said", answer.said},
                          {"took_s", answer.seconds}});
    }
    Json checks = Json::array();
    for (const CheckResult& check : report.health.checks) {
        checks.push_back({{"check", check.name}, {"ok", check.ok}, {"said", check.said}, {"took_s", check.seconds}});
    }
    Json announced = Json::array();
    for (const RunReport::Announced& told : report.announced) {
        announced.push_back({{"to", told.to},
                             {"good", told.good},
                             {"was_taken", told.was_taken},
                             {"said", told.said},
                             {"at", to_json(told.at)}});
    }
    const auto stage_error = [&](const Error& error) { return error_json(error, report.stage); };
    return {
        {"number", report.number},
        {"before", report.before > 0 ? Json(report.before) : Json()},
        {"agent_version", version},
        {"cause", {{"why", to_string(report.cause)}, {"by", text_or_null(report.asked_by)}}},
        {"noop", report.noop},
        {"past_locks", report.past_locks},
        {"state", report.finished ? "finished" : "running"},
        {"pid", report.agent.pid},
        {"pid_start", report.agent.start_ticks},
        {"started", to_json(report.started)},
        {"heartbeat", to_json(report.heartbeat)},
        {"finished", optional_json(report.finished, [](const Instant& at) { return to_json(at); })},
        {"duration_s",
         optional_json(report.finished,
                       [&](const Instant& at) { return Json(seconds(at.since_boot - report.started.since_boot)); })},
        {"stage", to_string(report.stage)},
        {"stage_started", to_json(report.stage_started)},
        {"attempt", report.attempt},
        {"attempts", report.attempts},
        {"retry", optional_json(report.retry,
                                [&](const RunReport::Retry& retry) {
                                    return Json{{"at", to_json(retry.at)},
                                                {"delay_s", seconds(retry.delay)},
                                                {"error", stage_error(retry.error)}};
                                })},
        {"progress", optional_json(report.progress,
                                   [](const RunReport::Progress& progress) {
                                       return Json{{"what", progress.what},
                                                   {"done", progress.done},
                                                   {"total", progress.total},
                                                   {"since", to_json(progress.since)}};
                                   })},
        {"waiting", optional_json(report.waiting,
                                  [](const RunReport::Waiting& waiting) {
                                      return Json{{"for", waiting.what}, {"until", to_json(waiting.until)}};
                                  })},
        {"child", optional_json(report.child,
                                [](const ProcessId& child) {
                                    return Json{{"pid", child.pid}, {"pid_start", child.start_ticks}};
                                })},
        {"instance", optional_json(report.instance, shown_json)},
        {"kept",
         optional_json(report.kept,
                       [](const RunReport::Kept& kept) {
                           return Json{{"accepted", kept.accepted}, {"because", error_json(kept.because, kept.stage)}};
                       })},
        {"resumes", report.resumes > 0 ? Json(report.resumes) : Json()},
        {"role", text_or_null(report.role)},
        {"role_config", text_or_null(report.role_config)},
        {"revision",
         {{"asked", text_or_null(report.revision_asked)}, {"resolved", text_or_null(report.revision_resolved)}}},
        {"signer", text_or_null(report.signer)},
        {"commit", commit_json(report.commit)},
        {"configuration",
         report.configuration_asked.empty()
             ? Json()
             : Json{{"asked", report.configuration_asked}, {"resolved", text_or_null(report.configuration_resolved)}}},
        {"repositories", repositories_json(report)},
        {"places", std::move(places)},
        {"modules_from", report.modules_from},
        {"outcome", report.finished ? Json(to_string(report.puppet.outcome)) : Json()},
        {"error", optional_json(report.error, stage_error)},
        {"bad", optional_json(report.bad, [](const BadRevision& bad) { return to_json(bad); })},
        {"instead", optional_json(report.instead, instead_json)},
        {"resources", optional_json(report.puppet.resources, counts_json)},
        {"failed_resources", std::move(failed)},
        {"drifted_resources", std::move(drifted)},
        {"health", std::move(checks)},
        {"announced", std::move(announced)},
        {"hooks", hooks_json(report.hooks)},
        {"warnings", std::move(warnings)},
        {"puppet_version", text_or_null(report.puppet.version)},
        {"catalog_digest", text_or_null(report.puppet.catalog_digest)},
        {"phases", took_json(report.puppet.phases, "phase", report.started)},
        {"slowest", took_json(report.puppet.slowest, "resource", report.started)},
        {"slow_facts", took_json(report.puppet.slow_facts, "fact", report.started)},
        {"steps", steps_json(report.steps)},
        {"boot_id", text_or_null(report.boot_id)},
        {"puppet_start", way_json(report.puppet.start.way)},
        {"puppet_cold_because", text_or_null(report.puppet.start.reason)},
    };
}

}  // namespace bootwright
