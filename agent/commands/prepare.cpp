#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/config/config.hpp"
#include "agent/puppet/warm.hpp"

#include <string>

namespace bootwright {

namespace {

/// Compiles Puppet's Ruby ahead, so that no run has to.
/// @throws Error puppet.not_installed, puppet.not_compiled (permanent), io.*, config.invalid
int prepare(const System& system, const CommandArguments&) {
    const AgentConfig config = read_agent_config(system);
    if (!config.puppet.warm) {
        print_line("nothing to prepare: agent.json has Puppet started cold (puppet.warm)");
        return exit_ok;
    }
    print_line("compiled ahead: " + compile_puppet(system, config));
    return exit_ok;
}

const Command command{
    .name = "prepare",
    .help = "Compile Puppet ahead, so that this image's instances start it sooner",
    .examples = {{"bootwright prepare", "As the last step of making an image, after Puppet is installed"}},
    .run = prepare};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
