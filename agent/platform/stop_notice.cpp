#include "agent/platform/stop_notice.hpp"

#include "common/base/error.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace bootwright {

void check_not_going_away(const Platform& platform, const System& system, const AgentConfig& config,
                          std::stop_token stop) {
    constexpr std::chrono::milliseconds longest_question{2000};
    constexpr std::chrono::minutes look_again{10};  // a notice may be withdrawn
    AgentConfig impatient = config;
    impatient.metadata_timeout = std::min(config.metadata_timeout, longest_question);
    std::optional<StopNotice> notice;
    try {
        notice = platform.stop_notice(system, impatient, std::move(stop));
    } catch (const Error& error) {
        if (error.kind == ErrorKind::stopped) {
            throw;
        }
    }
    if (notice) {
        Error error(
            ErrorKind::stopped, "platform.going_away",
            std::string(platform.name()) + " takes this instance away " +
                (notice->at.empty() ? "soon" : "at " + notice->at) + ": " + notice->why + ". Nothing new is started",
            "nothing: another instance takes its place, or this one goes on after its next start; if the notice "
            "is withdrawn, the daemon goes on by itself");
        error.retry_after = look_again;
        throw error;
    }
}

}  // namespace bootwright
