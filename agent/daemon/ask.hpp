#pragma once

#include "agent/config/system.hpp"
#include "common/processes/process.hpp"

#include <string>

namespace bootwright {

/// Asks the daemon to run at once, whatever it has planned. Returns its process.
/// @param by who asks, for the record
/// @throws Error daemon.not_running (permanent), io.*
ProcessId ask_for_run(const System& system, const std::string& by);

/// For the daemon, at SIGHUP: who has asked in this way; "" if nobody has, since anybody may send the signal.
std::string who_asked(const System& system);

}  // namespace bootwright
