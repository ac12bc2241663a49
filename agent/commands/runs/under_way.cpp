#include "agent/commands/runs/under_way.hpp"

#include "agent/record/status_file.hpp"
#include "common/processes/process_tree.hpp"

namespace bootwright {

Json run_under_way(const System& system) {
    Json run = StatusFile(system).read().value("run", Json());
    return string_at(run, "state") == "running" && is_running(process_in(run)) ? std::move(run) : Json();
}

}  // namespace bootwright
