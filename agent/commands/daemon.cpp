#include "agent/daemon/daemon.hpp"

#include "agent/commands/commands.hpp"

namespace bootwright {

int daemon_command(const System& system) {
    run_daemon(system);
    return exit_ok;
}

}  // namespace bootwright
