#pragma once

#include "common/base/error.hpp"
#include "common/documents/json.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace bootwright {

/// How a machine of the fleet is. What needs attention stands first.
enum class MachineState {
    failed,       ///< its last run, or no run can begin
    unreachable,  ///< ssh did not get there, or was not let in
    unanswered,   ///< it has no agent, or says what is no status
    silent,       ///< its daemon has given no sign of life for long
    not_running,  ///< nothing has run since it booted, and no agent runs
    not_yet,      ///< its first run has not ended
    differs,      ///< good, but at another revision than most machines of its role
    good,
};

/// "failed", "not_yet"
std::string_view to_string(MachineState state);

/// What `bootwright status --json` left on a machine.
struct Answer {
    int exit_status = 0;
    std::string output{};
    std::string errors{};  ///< the end of its standard error
};

/// One machine, as far as it is known.
struct Machine {
    std::string host;
    MachineState state = MachineState::unreachable;
    Json said{};  ///< what it said, by the keys of docs/fleet.md: cut short, and fit to be shown
};

/// Reads an answer. It may be of an older or newer agent, of none, or of somebody hostile.
/// @param now by this machine's clock
/// @throws Error fleet.no_agent, fleet.unreadable (permanent)
Machine machine_of(const std::string& host, const Answer& answer, std::chrono::system_clock::time_point now);

/// A machine that said nothing that can be read.
Machine machine_without_answer(const std::string& host, MachineState state, const Error& error);

/// True for a state that somebody has to do something about.
bool needs_attention(MachineState state);

/// The last line that holds anything, shortened; "nothing" if there is none.
std::string last_words(const std::string& text);

}  // namespace bootwright
