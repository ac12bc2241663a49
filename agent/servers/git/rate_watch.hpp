#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace bootwright {

/// Leaves a server that is slower than can be waited for: at the end of each window of `stall` in which less than
/// `least_rate` bytes a second came. What shows that the server is at work, and says no more than that, is waited for.
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
