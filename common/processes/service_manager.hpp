#pragma once

#include "common/processes/process.hpp"

#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// Tells systemd the service's state: newline-separated assignments such as "READY=1\nSTATUS=configured" (sd_notify(3)).
/// Does nothing outside a Type=notify service. The protocol is one datagram to $NOTIFY_SOCKET, which systemd documents as
/// stable, so libsystemd is not linked for it (docs/decisions/0002-few-libraries.md).
void notify_service_manager(std::string_view state);

using UnitProperties = std::map<std::string, std::string>;

/// What `systemctl show` says with these arguments: the properties of each unit, or of the manager. Empty if it fails, or does
/// not end within five seconds. @throws Error process.cannot_start: there is no systemctl
std::vector<UnitProperties> show_units(ProcessRunner& processes, const std::vector<std::string>& arguments,
                                       std::stop_token stop);

/// One of the jobs that systemd has not done yet (org.freedesktop.systemd1(5), "Job Objects").
struct UnitJob {
    std::string unit;
    std::string type;   ///< "start", "stop", …
    std::string state;  ///< "running"; "waiting": it comes after others
};

/// What systemd still has to do, as `systemctl list-jobs` says it. Empty if systemd does not answer within five seconds, or there
/// is none.
std::vector<UnitJob> list_jobs(ProcessRunner& processes, std::stop_token stop);

enum class GoingDown { no, off, reboot };

/// Whether systemd is taking the machine down: its list of jobs says so as soon as it is asked to. Returns `no` if it
/// does not answer within a few seconds.
GoingDown machine_going_down(ProcessRunner& processes);

}  // namespace bootwright
