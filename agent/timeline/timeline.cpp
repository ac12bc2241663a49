#include "agent/timeline/timeline.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <tuple>

namespace bootwright {

namespace {

using Kind = TimelineBar::Kind;

/// A number of seconds between about a year before the run and as long after it.
std::optional<double> seconds_at(const Json& object, const char* key) {
    constexpr double most = 3e7;
    const Json& value = member_at(object, key);
    return value.is_number() ? std::optional(std::clamp(value.get<double>(), -most, most)) : std::nullopt;
}

const Json& array_at(const Json& object, const char* key) {
    static const Json none = Json::array();
    const Json& member = member_at(object, key);
    return member.is_array() ? member : none;
}

Kind kind_of(const std::string& name) {
    constexpr std::array kinds{Kind::stage, Kind::wait, Kind::pause, Kind::place};
    const auto found = std::find_if(kinds.begin(), kinds.end(), [&](Kind kind) { return name_of(kind) == name; });
    return found == kinds.end() ? Kind::wait : *found;
}

void add_steps(std::vector<TimelineBar>& bars, const Json& report, double end) {
    for (const Json& step : array_at(report, "steps")) {
        const double from = seconds_at(step, "from_s").value_or(0);
        const double took = seconds_at(step, "took_s").value_or(end - from);
        bars.push_back({kind_of(string_at(step, "kind")), string_at(step, "what"), from, std::max(took, 0.0)});
    }
}

/// Those of which the beginning is known.
void add_times(std::vector<TimelineBar>& bars, const Json& report, const char* list, const char* what, Kind kind) {
    for (const Json& entry : array_at(report, list)) {
        if (const auto from = seconds_at(entry, "from_s")) {
            const double took = seconds_at(entry, "seconds").value_or(0);
            bars.push_back({kind, string_at(entry, what), *from, std::max(took, 0.0)});
        }
    }
}

/// Puppet's load: from the beginning of its stage to that of the first phase.
void add_load(std::vector<TimelineBar>& bars) {
    std::optional<double> began;
    std::optional<double> phase;
    for (const TimelineBar& bar : bars) {
        if (bar.kind == Kind::phase) {
            phase = std::min(phase.value_or(bar.from), bar.from);
        } else if (bar.kind == Kind::stage && bar.what == "puppet") {
            began = bar.from;
        }
    }
    if (began && phase && *began < *phase) {
        bars.push_back({Kind::phase, "load", *began, *phase - *began});
    }
}

std::string shown_seconds(double seconds) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f", seconds);
    return text.data();
}

std::string padded(const std::string& text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

/// Where the bar lies in the whole, as "  ==   ".
std::string drawn(const TimelineBar& bar, const Timeline& timeline) {
    constexpr double width = 24;
    const double whole = std::max(timeline.end - timeline.begin, 0.001);
    const auto column = [&](double at) { return std::floor((at - timeline.begin) / whole * width); };
    const double first = std::min(column(bar.from), width - 1);
    const double last = std::clamp(column(bar.from + bar.seconds), first + 1, width);
    const char sign = bar.kind == Kind::wait || bar.kind == Kind::pause ? '.' : '=';
    return std::string(static_cast<std::size_t>(first), ' ') +
           std::string(static_cast<std::size_t>(last - first), sign) +
           std::string(static_cast<std::size_t>(width - last), ' ');
}

std::string title_of(const Json& report) {
    const Json& number = member_at(report, "number");
    const std::string outcome = string_at(report, "outcome");
    return "run " + (number.is_number_integer() ? std::to_string(number.get<std::int64_t>()) : "?") + ", " +
           string_at(member_at(report, "started"), "wall") + ": " + (outcome.empty() ? "not over" : outcome) + ", " +
           shown_seconds(seconds_at(report, "duration_s").value_or(0)) + " s";
}

}  // namespace

std::string_view name_of(Kind kind) {
    switch (kind) {
        case Kind::before: return "before";
        case Kind::stage: return "stage";
        case Kind::wait: return "wait";
        case Kind::pause: return "pause";
        case Kind::place: return "place";
        case Kind::phase: return "phase";
        case Kind::resource: break;
    }
    return "resource";
}

Timeline timeline_of(const Json& report, std::vector<TimelineBar> before) {
    Timeline timeline{.title = printable(title_of(report)), .bars = std::move(before)};
    timeline.end = std::max(seconds_at(report, "duration_s").value_or(0), 0.0);
    add_steps(timeline.bars, report, timeline.end);
    add_times(timeline.bars, report, "phases", "phase", Kind::phase);
    add_load(timeline.bars);
    add_times(timeline.bars, report, "slowest", "resource", Kind::resource);
    const auto order = [](const TimelineBar& bar) { return std::tuple(bar.from, bar.kind); };
    std::stable_sort(timeline.bars.begin(), timeline.bars.end(),
                     [&](const auto& one, const auto& other) { return order(one) < order(other); });
    for (TimelineBar& bar : timeline.bars) {
        bar.what = printable(bar.what);
        timeline.begin = std::min(timeline.begin, bar.from);
        timeline.end = std::max(timeline.end, bar.from + bar.seconds);
    }
    return timeline;
}

std::vector<std::string> timeline_lines(const Timeline& timeline) {
    constexpr std::size_t width = 10;
    constexpr std::size_t longest = 30;
    std::vector<std::string> lines{timeline.title, "     from      took"};
    for (const TimelineBar& bar : timeline.bars) {
        const bool is_part = bar.kind != Kind::stage && bar.kind != Kind::before;
        std::string what = (is_part ? "  " : "") + bar.what;
        if (what.size() > longest) {
            what = shortened(what, longest - std::string_view("…").size());
        }
        lines.push_back(padded(shown_seconds(bar.from), width) + padded(shown_seconds(bar.seconds), width) + "  |" +
                        drawn(bar, timeline) + "| " + what);
    }
    return lines;
}

}  // namespace bootwright
