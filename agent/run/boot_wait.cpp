#include "agent/run/boot_wait.hpp"

#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/processes/service_manager.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

namespace bootwright {

namespace {

std::vector<std::string> lines_of_kernel(const System& system, const char* file) {
    constexpr std::size_t most = std::size_t{1} << 20U;
    return split(read_or_empty(system.path(file), most), '\n');
}

/// A destination in a line of /proc/net/route is hexadecimal, the lowest byte of the address first.
bool is_route(const std::string& line) {
    const auto fields = split(line, '\t');
    constexpr std::string_view link_local = "FEA9";  // 169.254/16
    return fields.size() > 2 && fields[0] != "Iface" && !fields[1].ends_with(link_local);
}

/// A line of /proc/net/if_inet6: address, interface, prefix, scope, flags (each hexadecimal), name (proc_net(5)).
bool is_global_address(const std::string& line) {
    const auto fields = split(line, ' ');
    return fields.size() > 3 && fields[3] == "00";
}

bool has(const System& system, Lack::Of of) {
    return of == Lack::Of::clock ? is_clock_set(system) : has_network(system);
}

/// Names of units, without this service and what stands for it.
struct StillToStart {
    std::vector<std::string> now{};    ///< systemd is starting them
    std::vector<std::string> later{};  ///< they wait for others, or for this service
};

StillToStart look_at_boot(const System& system, const std::stop_token& stop) {
    StillToStart found;
    for (UnitJob& job : list_jobs(system.processes, stop)) {
        const bool is_own = job.unit == "bootwright.service" || job.unit == "bootwright-ready.target";
        if (job.type == "start" && !is_own) {
            (job.state == "running" ? found.now : found.later).push_back(std::move(job.unit));
        }
    }
    return found;
}

}  // namespace

bool is_clock_set(const System& system) {
    // systemd-timesyncd has a folder while it runs, and a file in it once it has set the clock (systemd-timesyncd.service(8)).
    // Without it the kernel knows: chrony and ntpd tell it.
    const auto folder = system.path("/run/systemd/timesync");
    std::error_code error;
    return std::filesystem::exists(folder, error) ? std::filesystem::exists(folder / "synchronized", error)
                                                  : system.clock.is_synchronised();
}

bool has_network(const System& system) {
    std::error_code error;
    if (!std::filesystem::exists(system.path("/proc/net/route"), error)) {
        return true;
    }
    const auto any = [&](const char* file, auto is_one) {
        const auto lines = lines_of_kernel(system, file);
        return std::any_of(lines.begin(), lines.end(), is_one);
    };
    return any("/proc/net/route", is_route) || any("/proc/net/if_inet6", is_global_address);
}

std::optional<Lack> lack_behind(const System& system, const Error& error) {
    if (error.kind != ErrorKind::transient) {
        return std::nullopt;
    }
    if (error.code == "server.not_trusted" && !is_clock_set(system)) {
        return Lack{Lack::Of::clock,
                    "the clock to be set: it says " + to_iso8601(system.clock.now().wall) +
                        ", and a server's certificate is not valid at that time",
                    std::chrono::minutes(5)};
    }
    if (error.code == "server.unreachable" && !has_network(system)) {
        return Lack{Lack::Of::network, "the network: this machine has no address yet", std::chrono::minutes(2)};
    }
    return std::nullopt;
}

bool wait_for(const System& system, const Lack& lack, const StageEvents& events, const std::stop_token& stop) {
    constexpr std::chrono::milliseconds pause{250};
    events.waiting(lack.what, lack.longest);
    const auto end = system.clock.now().since_boot + lack.longest;
    while (!has(system, lack.of) && system.clock.now().since_boot < end) {
        if (!system.clock.sleep(pause, stop)) {
            throw stopped_error();
        }
    }
    events.waiting("", {});
    return has(system, lack.of);
}

void wait_for_boot_units(const System& system, const StageEvents& events, const std::stop_token& stop) {
    constexpr std::chrono::seconds longest{30};
    constexpr std::chrono::milliseconds pause{200};
    // Between the end of a job and the start of the next none may be running: only the second look in a row says that all that is
    // left waits for this service.
    constexpr int enough = 2;
    const auto end = system.clock.now().since_boot + longest;
    int idle = 0;  // looks in a row
    for (auto now = system.clock.now().since_boot; now < end; now = system.clock.now().since_boot) {
        const StillToStart units = look_at_boot(system, stop);
        idle = units.now.empty() ? idle + 1 : 0;
        if (idle == enough || (units.now.empty() && units.later.empty())) {
            break;
        }
        if (!units.now.empty()) {
            events.waiting("what this boot still starts: " + joined(units.now, ", "), end - now);
        }
        if (!system.clock.sleep(pause, stop)) {
            throw stopped_error();
        }
    }
    events.waiting("", {});
}

}  // namespace bootwright
