#pragma once

#include "agent/record/run_report.hpp"

#include <chrono>
#include <string>

namespace bootwright {

// Where a run's time goes (RunReport::steps). `now` is on the boot clock. What comes after the 100th is not noted.

/// The stage begins, and whatever is not over ends.
void begin_stage_step(RunReport& report, Stage stage, std::chrono::milliseconds now);
/// A wait or a pause within the stage begins, in place of the one before. "": only that one ends.
void begin_waiting_step(RunReport& report, RunReport::Step::Kind kind, const std::string& what,
                        std::chrono::milliseconds now);
/// Something that took so long is over now.
void add_step(RunReport& report, RunReport::Step::Kind kind, const std::string& what, std::chrono::milliseconds took,
              std::chrono::milliseconds now);
/// Whatever is not over ends.
void end_steps(RunReport& report, std::chrono::milliseconds now);

}  // namespace bootwright
