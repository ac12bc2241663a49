#pragma once

#include "common/documents/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// A piece of time.
struct TimelineBar {
    enum class Kind { before, stage, wait, pause, place, phase, resource };
    Kind kind = Kind::stage;
    std::string what;  ///< may be anything that a document holds
    double from = 0;   ///< seconds since the run's start; below zero: before it
    double seconds = 0;
};

/// "stage", "resource": for people, and for the style of a drawing.
std::string_view name_of(TimelineBar::Kind kind);

/// Where the time of a run went.
struct Timeline {
    std::string title;                ///< "run 42, 2026-11-29T10:00:00.000Z: changed, 12.4 s"
    std::vector<TimelineBar> bars{};  ///< in the order in which they began
    double begin = 0;                 ///< of the first one
    double end = 0;                   ///< of the last one
};

/// Reads a run's report (docs/status.md), and believes no number in it. One of an agent that did not note where the time
/// went has no stages.
/// @param before what the machine did before the run
Timeline timeline_of(const Json& report, std::vector<TimelineBar> before);

/// For people: a line for each bar, of 80 columns at most.
std::vector<std::string> timeline_lines(const Timeline& timeline);

/// A drawing as SVG 1.1, readable on a light and on a dark ground, without a script.
std::string timeline_svg(const Timeline& timeline);

}  // namespace bootwright
