#pragma once

#include "agent/repository/checkout.hpp"
#include "common/git/git.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>

namespace bootwright {

/// The progress of a fetch.
struct FetchEvents {
    GitProgress progress;
    std::function<void(const PlaceAnswer& answer)> heard;
};

/// The same for several threads at once. @param mutex lives as long
inline FetchEvents one_by_one(const FetchEvents& events, std::mutex& mutex) {
    return {.progress =
                [&](std::string_view what, std::uint64_t done, std::uint64_t total) {
                    const std::lock_guard lock(mutex);
                    events.progress(what, done, total);
                },
            .heard =
                [&](const PlaceAnswer& answer) {
                    const std::lock_guard lock(mutex);
                    events.heard(answer);
                }};
}

}  // namespace bootwright
