#include "agent/commands/runs/watch.hpp"

#include <chrono>
#include <csignal>

namespace bootwright {

RunReport watch(const System& system, RunWorker& worker, Signals& signals,
                const std::function<void(const RunReport& so_far)>& show) {
    constexpr std::chrono::milliseconds refresh{200};
    auto next_beat = system.clock.now().since_boot + heartbeat_interval;
    bool ended = false;
    while (!ended) {
        signals.wait(refresh, worker.ended_fd());
        if (const int signal = signals.take(); signal == SIGTERM || signal == SIGINT) {
            worker.request_stop();
        }
        const RunReport report = worker.record().snapshot();
        ended = worker.has_ended();
        if (!ended) {
            show(report);
        }
        if (system.clock.now().since_boot >= next_beat) {
            worker.record().beat();
            next_beat += heartbeat_interval;
        }
    }
    return worker.join();
}

}  // namespace bootwright
