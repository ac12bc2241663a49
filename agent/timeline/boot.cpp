#include "agent/timeline/boot.hpp"

#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/processes/service_manager.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

/// Microseconds of the monotonic clock as seconds; 0 if there is no such moment.
double moment(const UnitProperties& properties, const std::string& key) {
    const auto found = properties.find(key);
    std::uint64_t microseconds = 0;
    if (found != properties.end()) {
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), microseconds);
    }
    return static_cast<double>(microseconds) / 1e6;
}

/// systemd.manager(7): the kernel began at 0.
std::vector<TimelineBar> manager_bars(const System& system) {
    const auto blocks =
        show_units(system.processes, {"--property=InitRDTimestampMonotonic,UserspaceTimestampMonotonic"}, {});
    if (blocks.empty()) {
        return {};
    }
    const double initrd = moment(blocks.front(), "InitRDTimestampMonotonic");
    const double userspace = moment(blocks.front(), "UserspaceTimestampMonotonic");
    using Kind = TimelineBar::Kind;
    std::vector<TimelineBar> bars{{Kind::before, "kernel", 0, initrd > 0 ? initrd : userspace}};
    if (initrd > 0) {
        bars.push_back({Kind::before, "initrd", initrd, userspace - initrd});
    }
    return bars;
}

/// The units that were starting before `start`, those that took longest.
std::vector<TimelineBar> unit_bars(const System& system, double start) {
    constexpr std::size_t most = 10;
    constexpr double least = 0.05;
    std::vector<TimelineBar> bars;
    for (const UnitProperties& unit :
         show_units(system.processes,
                    {"--property=Id,InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic",
                     "--type=service,mount,device,socket", "*"},
                    {})) {
        const auto id = unit.find("Id");
        const double from = moment(unit, "InactiveExitTimestampMonotonic");
        const double until = moment(unit, "ActiveEnterTimestampMonotonic");
        if (id != unit.end() && from > 0 && from < start && until - from >= least) {
            bars.push_back({TimelineBar::Kind::before, id->second, from, until - from});
        }
    }
    std::sort(bars.begin(), bars.end(), [](const auto& one, const auto& other) { return one.seconds > other.seconds; });
    bars.resize(std::min(bars.size(), most));
    return bars;
}

}  // namespace

std::vector<TimelineBar> boot_before(const System& system, const Json& report) {
    const Json& started = member_at(member_at(report, "started"), "monotonic_s");
    if (string_at(member_at(report, "cause"), "why") != "boot" || !started.is_number() ||
        string_at(report, "boot_id") != boot_id(system)) {
        return {};
    }
    const auto start = started.get<double>();
    std::vector<TimelineBar> bars;
    try {
        bars = manager_bars(system);
        const auto units = unit_bars(system, start);
        bars.insert(bars.end(), units.begin(), units.end());
    } catch (const Error&) {  // a container without systemd
        return {};
    }
    for (TimelineBar& bar : bars) {
        bar.from -= start;
    }
    return bars;
}

}  // namespace bootwright
