#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/record/run_record.hpp"
#include "agent/record/run_report.hpp"

#include <stop_token>

namespace bootwright {

/// One pass through all stages: platform, role, repository, puppet, record. Never throws: what went wrong is in the
/// report, and in status.json and the history before it returns. The caller holds the run lock.
RunReport run(const System& system, RunRecord& record, std::stop_token stop);

}  // namespace bootwright
