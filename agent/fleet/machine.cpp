#include "agent/fleet/machine.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

namespace bootwright {

namespace {

using TimePoint = std::chrono::system_clock::time_point;

constexpr std::size_t longest_text = 400;
constexpr std::size_t most_listed = 10;
constexpr int known_schema = 1;

/// A single value, fit to be shown, and so short that the fleet's answers fit into memory whatever they hold.
Json value_of(const Json& value) {
    if (value.is_null() || value.is_boolean() || value.is_number()) {
        return value;
    }
    return shortened(printable(shown(value)), longest_text);
}

/// The values of these keys, each under its name.
Json values_of(const Json& object, std::initializer_list<const char*> keys) {
    Json values = Json::object();
    for (const char* key : keys) {
        values[key] = value_of(member_at(object, key));
    }
    return values;
}

/// The first elements of a list, each as `one` makes it.
template <typename One>
Json first_of(const Json& list, const One& one) {
    Json first = Json::array();
    for (std::size_t i = 0; list.is_array() && i < std::min(list.size(), most_listed); ++i) {
        first.push_back(one(list[i]));
    }
    return first;
}

/// What keeps runs from beginning, or else why the last one is not good, or why it waits.
const Json& error_of(const Json& status) {
    const Json& run = member_at(status, "run");
    for (const Json* holder : {&member_at(status, "blocked"), &run, &member_at(run, "retry")}) {
        if (const Json& error = member_at(*holder, "error"); error.is_object()) {
            return error;
        }
    }
    static const Json none;
    return none;
}

Json said_by(const Json& status) {
    const Json& run = member_at(status, "run");
    const Json& revision = member_at(run, "revision");
    const Json& next = member_at(member_at(status, "daemon"), "next");
    const Json& error = error_of(status);
    const Json& resources = member_at(run, "resources");
    Json said = values_of(run, {"outcome", "role", "role_config", "duration_s", "puppet_version", "stage"});
    said.update(
        values_of(member_at(run, "instance"), {"id", "hostname", "platform", "region", "zone", "type", "image"}));
    said["agent_version"] = value_of(member_at(status, "agent_version"));
    said["ready"] = value_of(member_at(status, "ready"));
    said["run"] = value_of(member_at(run, "number"));
    said["ended"] = value_of(member_at(member_at(run, "finished"), "wall"));
    said["asked"] = value_of(member_at(revision, "asked"));
    said["tried"] = value_of(member_at(revision, "resolved"));
    said["revision"] = value_of(member_at(member_at(status, "configured"), "revision"));
    said["heartbeat"] = value_of(member_at(member_at(member_at(status, "daemon"), "heartbeat"), "wall"));
    said["next"] = next.is_object() ? Json{{"at", value_of(member_at(member_at(next, "at"), "wall"))},
                                           {"reason", value_of(member_at(next, "reason"))}}
                                    : Json();
    said["error"] = error.is_object() ? values_of(error, {"stage", "kind", "code", "message", "advice"}) : Json();
    said["resources"] = resources.is_object() ? values_of(resources, {"total", "changed", "failed"}) : Json();
    said["failed_resources"] = first_of(member_at(run, "failed_resources"), [](const Json& failed) {
        return values_of(failed, {"resource", "message", "file", "line"});
    });
    said["warnings"] = first_of(member_at(run, "warnings"), value_of);
    return said;
}

/// The document, also where a shell's start files of the machine print something around it. Null if there is none.
Json status_in(const std::string& output) {
    const std::size_t begin = output.find('{');
    const std::size_t end = output.rfind('}');
    Json status = begin == std::string::npos || end == std::string::npos || end < begin
                      ? Json()
                      : parse_json(std::string_view(output).substr(begin, end - begin + 1));
    return status.is_object() && status.contains("schema") ? status : Json();
}

/// True if a daemon that should be at work has not said so for long. The clocks of two machines may differ by minutes.
bool is_silent(const Json& status, TimePoint now) {
    const Json& daemon = member_at(status, "daemon");
    const std::string heartbeat = string_at(member_at(daemon, "heartbeat"), "wall");
    if (heartbeat.empty() || string_at(daemon, "state") == "stopped") {
        return false;
    }
    constexpr std::chrono::milliseconds shortest = std::chrono::minutes(10);
    constexpr std::chrono::milliseconds longest = std::chrono::hours(24);
    const auto allowed = std::clamp(3 * duration_of(member_at(daemon, "heartbeat_every_s")), shortest, longest);
    return heartbeat < to_iso8601(now - allowed);
}

/// By the exit status of `bootwright status`, which has looked whether the processes of the status still run.
MachineState state_of(const Answer& answer, const Json& status, TimePoint now) {
    switch (answer.exit_status) {
        case exit_failed: return MachineState::failed;
        case exit_not_yet: return is_silent(status, now) ? MachineState::silent : MachineState::not_yet;
        case exit_not_running: return MachineState::not_running;
        default: return is_silent(status, now) ? MachineState::silent : MachineState::good;
    }
}

[[noreturn]] void refuse(const Answer& answer) {
    constexpr int cannot_execute = 126;  // of every shell
    constexpr int not_found = 127;
    const std::string said = "; it said: " + last_words(answer.errors.empty() ? answer.output : answer.errors);
    if (answer.exit_status == cannot_execute || answer.exit_status == not_found) {
        throw permanent_error("fleet.no_agent", "the machine cannot run `bootwright status --json`" + said,
                              "install the package bootwright there, or leave the machine out");
    }
    throw permanent_error(
        "fleet.unreadable",
        "the answer is no status of bootwright (exit status " + std::to_string(answer.exit_status) + ")" + said,
        "run `ssh HOST bootwright status --json` by hand, and see what answers");
}

/// Of a newer agent, whose keys may mean something else. Its exit statuses say what they always said.
Json said_by_newer(const Json& status) {
    const Error error = permanent_error("fleet.newer_agent",
                                        "its status has schema " + to_line(value_of(member_at(status, "schema"))) +
                                            ", and this bootwright knows " + std::to_string(known_schema) +
                                            ": only whether it is good can be told",
                                        "upgrade bootwright on the machine where you call `bootwright fleet`");
    return {{"agent_version", value_of(member_at(status, "agent_version"))}, {"error", to_json(error)}};
}

}  // namespace

std::string_view to_string(MachineState state) {
    constexpr std::array<std::string_view, 8> words{"failed",      "unreachable", "unanswered", "silent",
                                                    "not_running", "not_yet",     "differs",    "good"};
    return words.at(static_cast<std::size_t>(state));
}

bool needs_attention(MachineState state) { return state < MachineState::not_yet; }

std::string last_words(const std::string& text) {
    const std::string_view all = trimmed(text);
    const std::string_view last = trimmed(all.substr(all.rfind('\n') + 1));
    return last.empty() ? "nothing" : shortened(printable(last), longest_text);
}

Machine machine_without_answer(const std::string& host, MachineState state, const Error& error) {
    return {host, state, {{"error", to_json(error)}}};
}

Machine machine_of(const std::string& host, const Answer& answer, TimePoint now) {
    const Json status = status_in(answer.output);
    if (status.is_null() || answer.exit_status < exit_ok || answer.exit_status > exit_not_running ||
        answer.exit_status == exit_usage) {
        refuse(answer);
    }
    const bool is_known = member_at(status, "schema") == Json(known_schema);
    return {host, state_of(answer, status, now), is_known ? said_by(status) : said_by_newer(status)};
}

}  // namespace bootwright
