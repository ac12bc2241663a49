#include "agent/record/run_steps.hpp"

#include <algorithm>

namespace bootwright {

namespace {

using std::chrono::milliseconds;
using Step = RunReport::Step;

milliseconds since_start(const RunReport& report, milliseconds now) { return now - report.started.since_boot; }

void add(RunReport& report, Step step) {
    constexpr std::size_t most = 100;
    if (report.steps.size() < most) {
        report.steps.push_back(std::move(step));
    }
}

/// @param stage_too false: only what is within it
void end_open(RunReport& report, milliseconds now, bool stage_too) {
    for (Step& step : report.steps) {
        if (!step.took && (stage_too || step.kind != Step::Kind::stage)) {
            step.took = since_start(report, now) - step.from;
        }
    }
}

}  // namespace

void begin_stage_step(RunReport& report, Stage stage, milliseconds now) {
    end_steps(report, now);
    add(report, {Step::Kind::stage, std::string(to_string(stage)), since_start(report, now)});
}

void begin_waiting_step(RunReport& report, Step::Kind kind, const std::string& what, milliseconds now) {
    end_open(report, now, false);
    if (!what.empty()) {
        add(report, {kind, what, since_start(report, now)});
    }
}

void add_step(RunReport& report, Step::Kind kind, const std::string& what, milliseconds took, milliseconds now) {
    add(report, {kind, what, std::max(since_start(report, now) - took, milliseconds(0)), took});
}

void end_steps(RunReport& report, milliseconds now) { end_open(report, now, true); }

}  // namespace bootwright
