#include "agent/clock_wait.hpp"

#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

/// systemd-timesyncd has a folder while it runs, and a file in it once it has set the clock (systemd-timesyncd.service(8)).
/// Without it the kernel knows: chrony and ntpd tell it.
bool is_synchronised(const System& system) {
    const auto folder = system.path("/run/systemd/timesync");
    std::error_code error;
    return std::filesystem::exists(folder, error) ? std::filesystem::exists(folder / "synchronized", error)
                                                  : system.clock.is_synchronised();
}

}  // namespace

bool hangs_on_clock(const System& system, const Error& error) {
    return error.code == "repository.server_not_trusted" && error.kind == ErrorKind::transient &&
           !is_synchronised(system);
}

bool wait_for_clock(const System& system, const StageEvents& events, std::stop_token stop) {
    constexpr std::chrono::milliseconds longest = std::chrono::minutes(5);
    constexpr std::chrono::milliseconds pause{1000};
    events.waiting("the clock to be set: it says " + to_iso8601(system.clock.now().wall) +
                       ", and a server's certificate is not valid at that time",
                   longest);
    const auto end = system.clock.now().since_boot + longest;
    while (!is_synchronised(system) && system.clock.now().since_boot < end) {
        if (!system.clock.sleep(pause, stop)) {
            throw stopped_error();
        }
    }
    events.waiting("", {});
    return is_synchronised(system);
}

}  // namespace bootwright
