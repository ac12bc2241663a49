#pragma once

#include "common/processes/process.hpp"

#include <string_view>

namespace bootwright {

/// Tells systemd the service's state: newline-separated assignments such as "READY=1\nSTATUS=configured" (sd_notify(3)).
/// Does nothing outside a Type=notify service. The protocol is one datagram to $NOTIFY_SOCKET, which systemd documents as
/// stable, so libsystemd is not linked for it (docs/decisions/0002-few-libraries.md).
void notify_service_manager(std::string_view state);

enum class GoingDown { no, off, reboot };

/// Whether systemd is taking the machine down: its list of jobs says so as soon as it is asked to. Returns `no` if it
/// does not answer within a few seconds.
GoingDown machine_going_down(ProcessRunner& processes);

}  // namespace bootwright
