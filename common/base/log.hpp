#pragma once

#include <string_view>

namespace bootwright {

enum class LogLevel { error = 3, warning = 4, info = 6 };

/// Writes one line to the journal if standard error leads there, with the fields BOOTWRIGHT_RUN, BOOTWRIGHT_STAGE and
/// BOOTWRIGHT_CODE as far as they are known; to standard error elsewhere, or if the journal takes nothing. Control
/// characters in `message` become "?", so that nothing from outside can forge a line. Never pass a secret.
/// @param code of the error that the line tells of; "": of none
void log(LogLevel level, std::string_view message, std::string_view code = "");

/// From now on the lines of this process are of that run and stage. @param run 0: of none
void log_is_of(int run, std::string_view stage);

}  // namespace bootwright
