#include "agent/commands/command.hpp"
#include "agent/commands/commands.hpp"
#include "agent/commands/output.hpp"
#include "agent/config/config.hpp"
#include "agent/puppet/warm.hpp"

#include <string>

namespace bootwright {

int prepare_command(const System& system) {
    const AgentConfig config = read_agent_config(system);
    if (!config.puppet.warm) {
        print_line("nothing to prepare: agent.json has Puppet started cold (puppet.warm)");
        return exit_ok;
    }
    print_line("compiled ahead: " + compile_puppet(system, config));
    return exit_ok;
}

namespace {

const Command command{.name = "prepare",
                      .help = "Compile Puppet ahead, so that this image's instances start it sooner",
                      .run = [](const System& system, const CommandArguments&) { return prepare_command(system); }};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
