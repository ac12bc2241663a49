#include "agent/servers/git/rate_watch.hpp"

#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

namespace bootwright {

void RateWatch::saw(std::size_t bytes, bool is_at_work) {
    bytes_ += bytes;
    const auto now = now_();
    if (now - began_ < stall_) {
        return;
    }
    const auto seconds = std::chrono::duration<double>(now - began_).count();
    if (!is_at_work && static_cast<double>(bytes_) < seconds * static_cast<double>(least_rate_)) {
        throw transient_error("server.stalled",
                              shown_ + " sent only " + counted(bytes_, "byte") + " in " + to_human(stall_),
                              "check the server and the network; repository.stall and repository.least_rate of "
                              "agent.json say how slow is too slow");
    }
    began_ = now;
    bytes_ = 0;
}

}  // namespace bootwright
