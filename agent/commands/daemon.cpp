#include "agent/daemon/daemon.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/commands.hpp"

namespace bootwright {

int daemon_command(const System& system) {
    run_daemon(system);
    return exit_ok;
}

namespace {

const Command command{.name = "daemon",
                      .help = "Run as the service: configure at boot, then by schedule",
                      .run = [](const System& system, const CommandArguments&) { return daemon_command(system); }};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
