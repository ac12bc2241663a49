#include "agent/timeline/boot.hpp"

#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/processes/process.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

using Properties = std::map<std::string, std::string>;

/// A block of KEY=VALUE for each unit, or for the manager, as `systemctl show` prints them. @throws Error process.*
std::vector<Properties> show(const System& system, const std::vector<std::string>& arguments) {
    constexpr std::chrono::seconds longest{5};
    constexpr std::size_t most = 5000;  // units
    ProcessRequest request{.arguments = {"/usr/bin/systemctl", "show"},
                           .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}},
                           .timeout = longest,
                           .ends_family = true};
    request.arguments.insert(request.arguments.end(), arguments.begin(), arguments.end());
    std::vector<Properties> blocks(1);
    const ProcessEvents events{.line = [&](std::string_view line) {
        const std::size_t equals = line.find('=');
        if (line.empty() && blocks.size() < most) {
            blocks.emplace_back();
        } else if (equals != std::string_view::npos) {
            blocks.back()[std::string(line.substr(0, equals))] = line.substr(equals + 1);
        }
    }};
    const ProcessResult result = system.processes.run(request, events, {});
    const bool is_good = result.end == ProcessResult::End::exited && result.exit_code == 0;
    return is_good ? blocks : std::vector<Properties>{};
}

/// Microseconds of the monotonic clock as seconds; 0 if there is no such moment.
double moment(const Properties& properties, const std::string& key) {
    const auto found = properties.find(key);
    std::uint64_t microseconds = 0;
    if (found != properties.end()) {
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), microseconds);
    }
    return static_cast<double>(microseconds) / 1e6;
}

/// systemd.manager(7): the kernel began at 0.
std::vector<TimelineBar> manager_bars(const System& system) {
    const auto blocks = show(system, {"--property=InitRDTimestampMonotonic,UserspaceTimestampMonotonic"});
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
    for (const Properties& unit :
         show(system, {"--property=Id,InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic",
                       "--type=service,mount,device,socket", "*"})) {
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
