// Whether systemd starts the service, and keeps it running.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "common/processes/service_manager.hpp"

#include <filesystem>
#include <string>

namespace bootwright {

namespace {

/// Empty if systemd does not answer. @throws Error process.cannot_start: there is no systemctl
UnitProperties properties_of_unit(const System& system, const std::stop_token& stop) {
    const auto units = show_units(
        system.processes,
        {"--property=LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts", "bootwright.service"}, stop);
    return units.empty() ? UnitProperties() : units.front();
}

Finding look_at_start(UnitProperties& unit) {
    const std::string state = unit["UnitFileState"];
    if (state == "masked" || unit["LoadState"] == "masked") {
        return bad("the service is masked: nothing can start it", "systemctl unmask bootwright");
    }
    if (state == "disabled") {
        return bad("the service is not started at boot", "systemctl enable bootwright");
    }
    return good("the service is started at boot (" + state + ")");
}

Finding look_at_state(UnitProperties& unit) {
    constexpr std::size_t many = 2;  // digits: it restarts again and again
    const std::string state = unit["ActiveState"] + " (" + unit["SubState"] + ")";
    if (unit["ActiveState"] == "failed") {
        return bad("the service has failed: " + unit["Result"],
                   "`journalctl -u bootwright -b` says why; then `systemctl restart bootwright`");
    }
    if (unit["ActiveState"] != "active" && unit["ActiveState"] != "activating" && unit["ActiveState"] != "reloading") {
        return bad("the service does not run: " + state, "systemctl start bootwright");
    }
    if (unit["NRestarts"].size() >= many) {
        return bad("systemd has restarted the service " + unit["NRestarts"] + " times",
                   "`journalctl -u bootwright -b` says why it ends");
    }
    return good("the service is " + state);
}

std::vector<Finding> look(const Patient& patient, std::stop_token stop) {
    std::error_code error;
    if (!std::filesystem::exists(patient.system.path("/run/systemd/system"), error)) {  // sd_booted(3)
        return {not_known("systemd does not run here: nothing starts the agent by itself", "")};
    }
    UnitProperties unit = properties_of_unit(patient.system, stop);
    if (unit.empty()) {
        return {not_known("systemd does not answer", "`systemctl status bootwright` by hand; `systemctl --failed`")};
    }
    if (unit["LoadState"] == "not-found") {
        return {bad("there is no bootwright.service", "install the package bootwright anew")};
    }
    return {look_at_start(unit), look_at_state(unit)};
}

const Examination unit_examination{.key = "unit", .limit = std::chrono::seconds(10), .look = look};
const Registered<Examination> registered(unit_examination);

}  // namespace

}  // namespace bootwright
