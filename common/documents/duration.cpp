#include "common/documents/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace bootwright {

namespace {

struct Unit {
    std::string_view name;
    long long ms;
};

constexpr std::array units{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1000},
                           Unit{"ms", 1}};

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    long long count = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), count);
    const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
    const auto* const unit =
        std::find_if(units.begin(), units.end(), [&](const Unit& each) { return each.name == name; });
    constexpr long long longest = 3650 * units.front().ms;  // ten years: no sum of such durations overflows a clock
    if (status != std::errc() || count < 0 || unit == units.end() || count > longest / unit->ms) {
        return std::nullopt;
    }
    return std::chrono::milliseconds(count * unit->ms);
}

std::string written(std::chrono::milliseconds duration) {
    const long long count = duration.count();
    if (count == 0) {
        return "0s";
    }
    const auto* const unit =
        std::find_if(units.begin(), units.end(), [&](const Unit& each) { return count % each.ms == 0; });
    return std::to_string(count / unit->ms) + std::string(unit->name);
}

}  // namespace bootwright
