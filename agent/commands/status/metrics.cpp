#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/record/past.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/encoding.hpp"
#include "common/files/file.hpp"

#include <array>
#include <ctime>
#include <optional>
#include <utility>
#include <vector>

namespace bootwright {

namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// A value in quotes, as Prometheus' text format has it. It is one line, whatever stands in it.
std::string label_value(const std::string& text) {
    std::string value;
    for (const char c : printable(text)) {
        value += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    }
    return "\"" + value + "\"";
}

/// Unix time of "2026-03-03T12:00:00.000Z", to the second.
std::optional<double> seconds_of(const Json& time) {
    std::tm parts{};
    if (!time.is_string() || strptime(time.get<std::string>().c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) {
        return std::nullopt;
    }
    return static_cast<double>(timegm(&parts));
}

std::optional<double> number_of(const Json& value) {
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

/// Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/
class Metrics {
public:
    /// All samples that follow belong to it. They are gauges: each tells how something is now.
    void begin(std::string name, const std::string& help) {
        name_ = std::move(name);
        text_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " gauge\n";
    }

    void add(const std::optional<double>& value, const Labels& labels = {}) {
        if (!value) {
            return;  // what is not known is absent, and not zero
        }
        std::string shown;
        for (const auto& [label, text] : labels) {
            shown += (shown.empty() ? "" : ",") + label + "=" + label_value(text);
        }
        text_ += name_ + (shown.empty() ? "" : "{" + shown + "}") + " " + to_line(Json(*value)) + "\n";
    }

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string name_{};
    std::string text_{};
};

/// In one of Puppet's words. A run that was not good has failed, also where Puppet has nothing to complain about: an alert
/// that asks for this word is meant to ring.
std::string puppet_status(const Json& run) {
    return member_at(run, "good") == Json(true) ? string_at(run, "outcome") : "failed";
}

/// The names are those of Vox Pupuli's prometheus_reporter, which dashboards for Puppet ask for.
void add_puppet(Metrics& metrics, const Json& run) {
    const std::string host = shown(member_at(run, "instance"), "");
    metrics.begin("puppet_report", "Unix timestamp of the end of the last run");
    metrics.add(seconds_of(member_at(run, "ended")), {{"host", host}});
    metrics.begin("puppet_status", "How the last run came out");
    for (const std::string state : {"failed", "changed", "unchanged"}) {
        metrics.add(puppet_status(run) == state ? 1 : 0, {{"state", state}, {"host", host}});
    }
    metrics.begin("puppet_report_resources", "Resources of the last run by their state");
    constexpr std::array names{
        std::pair{"Total", "total"},     std::pair{"Changed", "changed"},         std::pair{"Failed", "failed"},
        std::pair{"Skipped", "skipped"}, std::pair{"Out of sync", "out_of_sync"},
    };
    for (const auto& [name, key] : names) {
        metrics.add(number_of(member_at(member_at(run, "resources"), key)), {{"name", name}, {"host", host}});
    }
    metrics.begin("puppet_report_time", "Seconds that the last run took");
    metrics.add(number_of(member_at(run, "duration_s")), {{"name", "Total"}, {"host", host}});
}

/// @param run a line of the history: of the last one that has ended
void add_run(Metrics& metrics, const Json& run) {
    add_puppet(metrics, run);
    metrics.begin("bootwright_run_good", "Whether the last run was good");
    metrics.add(member_at(run, "good") == Json(true) ? 1 : 0);
    metrics.begin("bootwright_run_number", "The number of the last run");
    metrics.add(number_of(member_at(run, "run")));
    metrics.begin("bootwright_run_info", "What the last run was");
    const auto text = [&](const char* key) { return shown(member_at(run, key), ""); };
    metrics.add(1, {{"outcome", text("outcome")},
                    {"code", shown(member_at(member_at(run, "error"), "code"), "")},
                    {"role", text("role")},
                    {"revision", text("revision")},
                    {"agent_version", text("agent_version")},
                    {"puppet_version", text("puppet_version")}});
}

void add_present(Metrics& metrics, const Json& status) {
    metrics.begin("bootwright_configured", "Whether a run of this boot was good");
    metrics.add(member_at(status, "configured").is_object() ? 1 : 0);
    metrics.begin("bootwright_ready", "Whether the machine does its work, as far as is known");
    metrics.add(member_at(status, "ready") == Json(true) ? 1 : 0);
    metrics.begin("bootwright_blocked", "Whether no run can begin");
    metrics.add(member_at(status, "blocked").is_object() ? 1 : 0);
    metrics.begin("bootwright_run_under_way", "Whether a run is under way");
    metrics.add(string_at(member_at(status, "run"), "state") == "running" ? 1 : 0);
    const Json& daemon = member_at(status, "daemon");
    metrics.begin("bootwright_daemon_heartbeat_timestamp_seconds", "When the daemon last said that it is alive");
    metrics.add(seconds_of(member_at(member_at(daemon, "heartbeat"), "wall")));
    metrics.begin("bootwright_next_run_timestamp_seconds", "When the daemon begins the next run");
    metrics.add(seconds_of(member_at(member_at(member_at(daemon, "next"), "at"), "wall")));
}

int run(const System& system, const CommandArguments& given) {
    Metrics metrics;
    add_present(metrics, StatusFile(system).read());
    const Past past(system);
    if (past.size() > 0) {
        add_run(metrics, past.line(past.size() - 1));
    }
    if (given.has("--output")) {
        write_file(given.value("--output"), metrics.text(), 0644);
    } else {
        print_lines(metrics.text().substr(0, metrics.text().size() - 1));
    }
    return exit_ok;
}

const Command command{
    .name = "metrics",
    .help = "Print how this machine is for Prometheus, in the format of node_exporter's textfile collector",
    .options = {{.kind = CommandOption::Kind::option,
                 .name = "--output",
                 .help = "Write this file, which is replaced as a whole, and print nothing",
                 .value = "FILE"}},
    .examples = {{"bootwright metrics", "See what there is"},
                 {"bootwright metrics --output /var/lib/prometheus/node-exporter/bootwright.prom",
                  "For the collector; call it by a timer each minute"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
