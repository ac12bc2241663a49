#include "agent/commands/commands.hpp"
#include "agent/config.hpp"
#include "agent/puppet/warm.hpp"

#include <iostream>
#include <string>

namespace bootwright {

int prepare_command(const System& system) {
    const AgentConfig config = read_agent_config(system);
    if (!config.puppet.warm) {
        std::cout << "nothing to prepare: agent.json has Puppet started cold (puppet.warm)\n";
        return exit_ok;
    }
    const std::string made = compile_puppet(system, config);
    std::cout << "compiled ahead: " << made << '\n';
    return exit_ok;
}

}  // namespace bootwright
