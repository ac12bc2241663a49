#include "agent/puppet/result/reading.hpp"

#include "agent/puppet/result/compile_error.hpp"
#include "agent/puppet/result/eyaml_failure.hpp"
#include "agent/puppet/result/observation.hpp"
#include "agent/puppet/result/puppet_log.hpp"
#include "agent/puppet/result/run_warnings.hpp"
#include "common/base/clock.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/documents/yaml.hpp"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t most_listed = 20;  // resources, of each kind
constexpr std::size_t most_slow = 10;    // of each kind
constexpr std::size_t longest_message = 500;

/// The resource as the list of failures has it.
FailedResource failure_of(const LogEntry& entry) {
    return {resource_of(entry.source), entry.message, entry.file, entry.line};
}

/// Nullptr if the list has no such resource.
template <typename List>
auto* find_resource(List& failed, const std::string& resource) {
    const auto found =
        std::find_if(failed.begin(), failed.end(), [&](const auto& other) { return other.resource == resource; });
    return found == failed.end() ? nullptr : &*found;
}

/// As the report has them that was seen from within, which is more exact than the log: a log level is no verdict.
std::vector<FailedResource> seen_failures(const std::vector<FailedResource>& seen, const PuppetTraces& traces) {
    std::vector<FailedResource> failed;
    failed.reserve(seen.size());
    for (const FailedResource& each : seen) {
        failed.push_back(
            {shown(each.resource, traces), shown(each.message, traces), shown(each.file, traces), each.line});
    }
    return failed;
}

/// By name alone: what Puppet says of a difference quotes what a file would become.
std::vector<FailedResource> seen_drift(const std::vector<FailedResource>& seen, const PuppetTraces& traces) {
    std::vector<FailedResource> drifted;
    for (std::size_t i = 0; i < std::min(seen.size(), most_listed); ++i) {
        drifted.push_back({shown(seen[i].resource, traces), "", shown(seen[i].file, traces), seen[i].line});
    }
    return drifted;
}

/// Adds what the log knows: why a resource failed of which the report does not say it, and which could not generate what they
/// stand for. @param is_all_seen whether the report says which failed; else each resource that logged an error has
void add_logged_failures(std::vector<FailedResource>& failed, const std::vector<LogEntry>& entries, bool is_all_seen) {
    for (const LogEntry& entry : entries) {
        if (!entry.is_error() || !entry.is_of_resource()) {
            continue;
        }
        FailedResource* known = find_resource(failed, resource_of(entry.source));
        if (known == nullptr && (!is_all_seen || entry.is_failed_generation())) {
            failed.push_back(failure_of(entry));
        } else if (known != nullptr && known->message.empty()) {
            known->message = entry.message;
        }
    }
}

/// How many resources could not generate what they stand for: Puppet goes on without a word in its counts and its exit status.
int failed_generations(const std::vector<LogEntry>& entries, const std::vector<FailedResource>& counted, bool is_seen) {
    std::set<std::string> resources;
    for (const LogEntry& entry : entries) {
        const std::string resource = resource_of(entry.source);
        if (entry.is_failed_generation() && find_resource(counted, resource) == nullptr) {
            resources.insert(resource);
        }
    }
    return std::max(static_cast<int>(resources.size()), is_seen && counted.empty() ? 1 : 0);
}

/// What was seen from within is more exact than the log; its texts are made fit to be shown.
void add_observation(PuppetResult& result, const Observation& seen, const PuppetTraces& traces) {
    const auto durations = [&](const std::vector<Took>& told) {
        std::vector<Took> kept;
        kept.reserve(told.size());
        for (const Took& took : told) {
            kept.push_back({shown(took.what, traces), took.seconds, took.began});
        }
        kept.resize(std::min(kept.size(), most_slow));
        return kept;
    };
    result.version = shown(seen.puppet_version, traces);
    result.catalog_digest = shown(seen.catalog_digest, traces);
    result.phases = durations(seen.phases);
    result.slowest = durations(seen.slowest);
    result.slow_facts = durations(seen.slow_facts);
    result.drifted_resources = seen_drift(seen.drifted, traces);
}

struct Summary {
    ResourceCounts counts;
    std::string version;
};

int integer_at(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<int>() : 0;
}

/// Returns nullopt if the file is missing, or cut off by a full disk: its last section, and its last line's end, must be there.
std::optional<Summary> read_summary(const std::optional<std::string>& text) {
    const Json document = text ? parse_yaml(*text).value_or(Json()) : Json();
    const bool is_complete = document.is_object() && document.contains("resources") && document.contains("time") &&
                             document.contains("changes") && document.contains("events") && text->ends_with('\n');
    if (!is_complete || !document["resources"].is_object() || !document["resources"].contains("total")) {
        return std::nullopt;
    }
    const Json& resources = document["resources"];
    Summary summary;
    // Puppet counts a resource that failed to restart under both names.
    summary.counts = {.total = integer_at(resources, "total"),
                      .changed = integer_at(resources, "changed"),
                      .failed = std::max(integer_at(resources, "failed"), integer_at(resources, "failed_to_restart")),
                      .skipped = integer_at(resources, "skipped"),
                      .out_of_sync = integer_at(resources, "out_of_sync")};
    summary.version = document.contains("version") ? string_at(document["version"], "puppet") : "";
    return summary;
}

/// Nullptr if there is none.
const LogEntry* first_error(const std::vector<LogEntry>& entries) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [](const LogEntry& entry) { return entry.is_error() && entry.source != "Facter"; });
    return found == entries.end() ? nullptr : &*found;
}

std::string reason_of(const LogEntry* cause, const PuppetTraces& traces) {
    if (cause != nullptr) {
        return with_place(*cause);
    }
    const std::string output = shortened_within(traces.redactor.cleaned(trimmed(traces.output)), longest_message);
    return output.empty() ? "it gave no reason" : output;
}

void set(PuppetResult& result, Outcome outcome, Error error) {
    result.outcome = outcome;
    result.error = std::move(error);
}

Error out_of_memory_error(const std::string& message) {
    return transient_error("puppet.out_of_memory", message,
                           "give the instance more memory or swap, raise puppet.memory_max, or have the "
                           "catalog start less at once; "
                           "`journalctl -k | grep -i oom` names the process");
}

/// Puppet did not come to its own end.
void read_violent_end(PuppetResult& result, const ProcessResult& process) {
    switch (process.end) {
        case ProcessResult::End::stopped: set(result, Outcome::interrupted, stopped_error()); break;
        case ProcessResult::End::timed_out:
        case ProcessResult::End::silent:
            set(result, Outcome::timed_out,
                transient_error("puppet.timeout",
                                "Puppet was not done after " + to_human(process.duration) +
                                    " and was ended with everything that it had started",
                                "find what hangs in the run's puppet.jsonl, or raise puppet.timeout"));
            break;
        case ProcessResult::End::left:
            set(result, Outcome::interrupted,
                Error(ErrorKind::stopped, "puppet.handed_over",
                      "this run itself has systemd stop or restart bootwright: its Puppet goes on alone",
                      "nothing: the next run waits for its end, and says what came of it"));
            break;
        default:
            if (process.signal == SIGKILL && process.out_of_memory > 0) {
                set(result, Outcome::killed, out_of_memory_error("the kernel ended Puppet because memory ran out"));
                return;
            }
            set(result, Outcome::killed,
                transient_error("puppet.killed",
                                "Puppet was killed by signal " + std::to_string(process.signal) +
                                    (process.signal == 9 ? " (often: out of memory)" : ""),
                                "see `dmesg | grep -i oom` and the journal; the agent tries again"));
    }
}

/// Exit status 1, or one that Puppet does not document: the run itself failed. Only 1 without a catalog is a compile error,
/// and only if Puppet had begun to compile, where that is known; 126 and 127 come from the wrapper of Puppet's own packages.
void read_failed_run(PuppetResult& result, const PuppetTraces& traces, const std::optional<Observation>& seen,
                     const std::string& reason) {
    const int status = traces.process.exit_code;
    const bool is_disk_full = reason.find("No space left on device") != std::string::npos;
    // Ruby's NoMemoryError, and what the system says to a fork.
    const bool is_memory_short = reason.find("failed to allocate memory") != std::string::npos ||
                                 reason.find("Cannot allocate memory") != std::string::npos;
    if (traces.process.out_of_memory > 0 || is_memory_short) {
        set(result, Outcome::failed,
            out_of_memory_error("Puppet gave up (exit status " + std::to_string(status) +
                                ") as memory ran out: " + reason));
        return;
    }
    if (auto failure = eyaml_failure(reason)) {
        set(result, traces.resources ? Outcome::failed : Outcome::compile_failed, std::move(*failure));
        return;
    }
    const bool had_begun_to_compile = !seen || seen->phase == "compile" || seen->phase == "apply";
    if (status == 1 && !traces.resources && had_begun_to_compile && !is_disk_full) {
        set(result, Outcome::compile_failed, compile_error(reason, seen, traces));
        return;
    }
    set(result, Outcome::failed,
        transient_error("puppet.run_failed",
                        "Puppet gave up (exit status " + std::to_string(status) + ")" +
                            (traces.resources ? ", perhaps after changes: " : ": ") + reason,
                        "see the run's puppet.jsonl; `df -h` if the disk may be full"));
}

void read_applied(PuppetResult& result, const PuppetTraces& traces, const std::optional<Observation>& seen,
                  const ResourceCounts& counts) {
    const int status = traces.process.exit_code;
    const bool failures = counts.failed > 0 || status == 4 || status == 6;
    const bool changes = counts.changed > 0 || status == 2 || status == 6;
    if (failures) {
        std::string which;
        for (const FailedResource& resource : result.failed_resources) {
            which += (which.empty() ? ": " : ", ") + resource.resource;
        }
        set(result, changes ? Outcome::changed_with_failures : Outcome::failed,
            transient_error(
                "puppet.resources_failed",
                std::to_string(counts.failed) + " of " + std::to_string(counts.total) + " resources failed" +
                    shortened(which, longest_message) +
                    (traces.process.out_of_memory > 0 ? "; the kernel ended a process of the run because memory ran out"
                                                      : ""),
                "correct what failed, which is listed with file and line, and push a new revision"));
    } else if (trimmed(traces.resources.value_or("")).empty()) {
        set(result, Outcome::nothing_applied, nothing_applied_error(shown_environment(seen, traces), traces.wanted));
    } else if (const int drift = counts.out_of_sync - counts.changed; traces.noop && drift > 0) {
        set(result, Outcome::noop_drift,
            permanent_error("puppet.noop_drift",
                            counted(static_cast<unsigned>(drift), "resource") +
                                " out of sync, and noop changed nothing" +
                                (counts.changed > 0
                                     ? " of that, but " + counted(static_cast<unsigned>(counts.changed), "resource") +
                                           " with `noop => false`"
                                     : ""),
                            "set puppet.noop to false in the role config to apply them"));
    } else {
        result.outcome = changes ? Outcome::changed : Outcome::unchanged;
    }
}

}  // namespace

PuppetResult read_puppet_result(const PuppetTraces& traces) {
    PuppetResult result;
    const auto entries = read_log(traces);
    const auto seen = read_observation(traces.observation);
    const bool is_all_seen = seen && seen->failed;
    if (seen) {
        add_observation(result, *seen, traces);
    }
    if (is_all_seen) {
        result.failed_resources = seen_failures(*seen->failed, traces);
    }
    const int uncounted = failed_generations(entries, result.failed_resources, seen && seen->failed_to_generate);
    add_logged_failures(result.failed_resources, entries, is_all_seen);
    const int status = traces.process.exit_code;
    const bool is_documented = status == 0 || status == 2 || status == 4 || status == 6;
    const LogEntry* cause = is_documented ? nullptr : first_error(entries);
    result.warnings = run_warnings(entries, seen, result.failed_resources, cause, traces);
    result.failed_resources.resize(std::min(result.failed_resources.size(), most_listed));
    auto summary = read_summary(traces.summary);
    if (summary) {
        summary->counts.failed += uncounted;
        result.resources = summary->counts;
        result.version = result.version.empty() ? shown(summary->version, traces) : result.version;
    }
    if (traces.process.out_of_memory > 0) {
        result.warnings.insert(result.warnings.begin(),
                               "the kernel killed " + std::to_string(traces.process.out_of_memory) +
                                   " processes of this run for want of memory (see `dmesg | grep -i oom`)");
    }
    constexpr int killed_in_a_shell = 128;  // plus the signal, as a wrapper script reports it
    ProcessResult process = traces.process;
    if (process.end == ProcessResult::End::exited && status > killed_in_a_shell && status <= killed_in_a_shell + 64) {
        process.end = ProcessResult::End::killed_by_signal;
        process.signal = status - killed_in_a_shell;
    }
    if (process.end != ProcessResult::End::exited) {
        read_violent_end(result, process);
    } else if (!is_documented) {
        read_failed_run(result, traces, seen, reason_of(cause, traces));
    } else if (!summary) {
        set(result, Outcome::failed,
            transient_error("puppet.no_summary",
                            "Puppet ended with status " + std::to_string(status) +
                                " but left no complete summary of this run, as it does when the disk is full",
                            "check the disk with `df -h /var/lib/bootwright`; the agent tries again"));
    } else {
        read_applied(result, traces, seen, summary->counts);
    }
    return result;
}

}  // namespace bootwright
