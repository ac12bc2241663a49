#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

// Durations as people write them: "500ms", "30s", "5m", "2h", "1d".

/// At most ten years. Returns nullopt for anything else.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// In the largest unit that needs no fraction: "90s", "1h"; zero is "0s". @param duration not negative
std::string written(std::chrono::milliseconds duration);

/// What parse_duration takes, as a regular expression.
constexpr std::string_view duration_pattern = "^[0-9]+(ms|s|m|h|d)$";

}  // namespace bootwright
