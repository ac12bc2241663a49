#include "agent/daemon/daemon.hpp"

#include "agent/commands/command.hpp"

namespace bootwright {

namespace {

const Command command{
    .name = "daemon",
    .help = "Run as the service: configure at boot, then by schedule",
    .examples = {{"bootwright daemon", "As the unit bootwright.service does; by hand: systemctl start bootwright"}},
    .run = [](const System& system, const CommandArguments&) {
        run_daemon(system);
        return int{exit_ok};
    }};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
