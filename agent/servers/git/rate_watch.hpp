#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace bootwright {

/// Gives up a slow server after a window of `stall` in which less than `least_rate` bytes a second came. Waits for a
/// server that only shows that it is at work.
class RateWatch {
public:
    using Now = std::function<std::chrono::steady_clock::time_point()>;

    RateWatch(std::string shown, std::chrono::milliseconds stall, std::uint64_t least_rate,
              Now now = std::chrono::steady_clock::now)
        : shown_(std::move(shown)), stall_(stall), least_rate_(least_rate), now_(std::move(now)), began_(now_()) {}

    /// @throws Error server.stalled (transient)
    void saw(std::size_t bytes, bool is_at_work);

private:
    std::string shown_;
    std::chrono::milliseconds stall_;
    std::uint64_t least_rate_;
    Now now_;
    std::chrono::steady_clock::time_point began_;
    std::uint64_t bytes_ = 0;
};

}  // namespace bootwright
