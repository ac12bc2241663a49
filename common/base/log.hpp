#pragma once

#include <string_view>

namespace bootwright {

enum class LogLevel { error = 3, warning = 4, info = 6 };

/// Writes one line to standard error: under systemd with the journal's priority prefix ("<4>", sd-daemon(3)), elsewhere
/// plain. Control characters in `message` become "?", so that nothing from outside can forge a line. Never pass a secret.
void log(LogLevel level, std::string_view message);

}  // namespace bootwright
