#pragma once

#include "agent/system.hpp"
#include "common/error.hpp"

#include <stop_token>

namespace bootwright {

/// Whether a server was not trusted for the dates of its certificate, and this machine's clock is not synchronised yet.
bool hangs_on_clock(const System& system, const Error& error);

/// Waits until the clock is synchronised, five minutes at most; returns whether it is. @throws Error stopped
bool wait_for_clock(const System& system, const StageEvents& events, std::stop_token stop);

}  // namespace bootwright
