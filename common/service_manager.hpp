#pragma once

#include <string_view>

namespace bootwright {

/// Tells systemd the service's state: newline-separated assignments such as "READY=1\nSTATUS=configured" (sd_notify(3)).
/// Does nothing outside a Type=notify service. The protocol is one datagram to $NOTIFY_SOCKET, which systemd documents as
/// stable, so libsystemd is not linked for it (docs/decisions/0002-few-libraries.md).
void notify_service_manager(std::string_view state);

}  // namespace bootwright
