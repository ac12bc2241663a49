#pragma once

// Statuses as the file holds them, and how they are shown.

#include "agent/commands/status/status.hpp"
#include "agent/record/run_record.hpp"
#include "agent/record/status_file.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/run_command.hpp"

#include <string>

namespace bootwright::status_tests {

using namespace std::chrono_literals;

inline constexpr pid_t daemon_pid = 100;
inline constexpr pid_t run_pid = 200;
inline constexpr const char* revision = "0123456789abcdef0123456789abcdef01234567";

inline const Instant now{std::chrono::system_clock::time_point(1795383092123ms), 1000s};

inline Json moment(double seconds) { return {{"wall", "2026-11-22T21:31:32.123Z"}, {"monotonic_s", seconds}}; }

inline Json a_daemon(const char* state, const Json& next = nullptr) {
    return {{"pid", daemon_pid},       {"pid_start", 1}, {"started", moment(10)}, {"heartbeat", moment(995)},
            {"heartbeat_every_s", 30}, {"state", state}, {"next", next}};
}

inline Json an_error(const char* kind, const char* stage = "repository") {
    return {{"stage", stage},
            {"kind", kind},
            {"code", "server.unreachable"},
            {"message", "no route"},
            {"advice", "check the network"}};
}

inline Json a_run(const Json& changes = Json::object()) {
    Json run{{"number", 42},
             {"before", 41},
             {"pid", run_pid},
             {"pid_start", 1},
             {"started", moment(900)},
             {"heartbeat", moment(995)},
             {"heartbeat_every_s", 10},
             {"state", "running"},
             {"stage", "repository"},
             {"stage_started", moment(950)},
             {"attempt", 2},
             {"attempts", 5},
             {"retry", nullptr},
             {"progress", nullptr},
             {"finished", nullptr},
             {"duration_s", nullptr},
             {"outcome", nullptr},
             {"error", nullptr},
             {"role", "web"},
             {"instance", {{"platform", "ec2"}, {"id", "i-1"}, {"region", "us-west-2"}, {"zone", "us-west-2b"}}},
             {"revision", {{"asked", "main"}, {"resolved", revision}}},
             {"resources", nullptr},
             {"failed_resources", Json::array()},
             {"warnings", Json::array()}};
    run.update(changes);
    return run;
}

inline Json a_good_run() {
    return a_run({{"state", "finished"},
                  {"outcome", "changed"},
                  {"finished", moment(940)},
                  {"duration_s", 12.3},
                  {"resources", {{"total", 82}, {"changed", 3}, {"failed", 0}}}});
}

inline Json a_failed_run(const char* kind = "transient") {
    return a_run({{"state", "finished"},
                  {"outcome", "not_reached"},
                  {"finished", moment(940)},
                  {"duration_s", 12.3},
                  {"error", an_error(kind)}});
}

inline Json configured_by(int run) {
    return {{"run", run}, {"at", moment(500)}, {"revision", revision}, {"role", "web"}};
}

inline Json a_status(const Json& daemon, const Json& run, const Json& configured) {
    return {{"schema", 1},      {"boot_id", "x"}, {"agent_version", "0.1.0"},
            {"daemon", daemon}, {"run", run},     {"configured", configured}};
}

/// Which processes of the status still run.
enum Alive { nobody = 0, the_daemon = 1, the_run = 2, both = 3 };

inline StatusView view(const Json& status, Alive alive) {
    // As it comes from the file.
    return view_status(Json::parse(to_line(status)), now, [=](ProcessId process) {
        return (process.pid == daemon_pid && (alive & the_daemon) != 0) ||
               (process.pid == run_pid && (alive & the_run) != 0);
    });
}

inline std::string text_of(const Line& line, const Paper& paper = {}) {
    std::string text;
    for (const std::string& row : rows_of(line, paper)) {
        text += row + "\n";
    }
    return text;
}

/// As print_view() prints it on that paper.
inline std::string text_of(const StatusView& view, const Paper& paper = {}) {
    std::string text;
    for (const Line& line : view.lines) {
        text += text_of(line, paper);
    }
    return text;
}

inline bool has(const StatusView& view, const std::string& text) {
    return text_of(view).find(text) != std::string::npos;
}

}  // namespace bootwright::status_tests
