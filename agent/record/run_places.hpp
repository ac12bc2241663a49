#pragma once

#include "agent/record/run_report.hpp"

namespace bootwright {

/// Notes what a place said (RunReport::places, modules_from). Of a place that gave a module, only its server is counted.
/// Twenty other answers are kept, each once: who gave the control repository stays, then the last ones.
void add_answer(RunReport& report, PlaceAnswer answer);

}  // namespace bootwright
