#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/record/run_record.hpp"
#include "agent/record/run_report.hpp"

#include <stop_token>

namespace bootwright {

/// Why there is a run. What an operator asks for is tried even if the agent would not try again by itself.
enum class RunCause { planned, asked_for };

/// One pass through all stages: platform, role, repository, puppet, record. Never throws: what went wrong is in the
/// report, and in status.json and the history before it returns. The caller holds the run lock.
RunReport run(const System& system, RunRecord& record, RunCause cause, std::stop_token stop);

}  // namespace bootwright
