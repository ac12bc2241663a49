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

}  // namespace bootwright
