#include "agent/commands/commands.hpp"
#include "agent/record/reboots.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run_worker.hpp"
#include "common/signals.hpp"

#include <unistd.h>

#include <csignal>
#include <iostream>

namespace bootwright {

namespace {

/// One line that is written over itself; on anything but a terminal, a line for each new stage.
class LiveLine {
public:
    void show(const RunReport& report) {
        const std::string line = one_line(report);
        if (is_terminal_ && line != shown_) {
            std::cout << "\r\033[K" << line << std::flush;
            shown_ = line;
        } else if (!is_terminal_ && report.stage != stage_) {
            std::cout << to_string(report.stage) << std::endl;
        }
        stage_ = report.stage;
    }
    void clear() const {
        if (is_terminal_) {
            std::cout << "\r\033[K" << std::flush;
        }
    }

private:
    bool is_terminal_ = isatty(STDOUT_FILENO) != 0;
    std::optional<Stage> stage_{};
    std::string shown_;
};

}  // namespace

int run_command(const System& system) {
    Signals signals({SIGTERM, SIGINT});
    forget_reboots(system);
    RunWorker worker(system);
    LiveLine line;
    auto next_beat = system.clock.now().since_boot + heartbeat_interval;
    bool ended = false;
    while (!ended) {
        constexpr std::chrono::milliseconds refresh{200};
        signals.wait(refresh, worker.ended_fd());
        if (signals.take() != 0) {
            worker.request_stop();
        }
        const RunReport report = worker.record().snapshot();
        ended = report.finished.has_value();
        if (!ended) {
            line.show(report);
        }
        if (system.clock.now().since_boot >= next_beat) {
            worker.record().beat();
            next_beat += heartbeat_interval;
        }
    }
    const RunReport report = worker.join();
    line.clear();
    std::cout << view_status(StatusFile(system).read(), system.clock.now(), is_running).text;
    return report.is_good() ? exit_ok : exit_failed;
}

}  // namespace bootwright
