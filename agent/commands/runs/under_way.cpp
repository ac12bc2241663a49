#include "agent/commands/runs/under_way.hpp"

#include "agent/record/status_file.hpp"
#include "common/processes/process_tree.hpp"

namespace bootwright {

Json run_under_way(const System& system) {
    Json run = StatusFile(system).read().value("run", Json());
    const bool is_alive = string_at(run, "state") == "running" &&
                          is_running({static_cast<pid_t>(number_at(run, "pid")), number_at(run, "pid_start")});
    return is_alive ? std::move(run) : Json();
}

}  // namespace bootwright
