#include "common/base/version.hpp"
#include "agent/commands/command.hpp"
#include "agent/commands/commands.hpp"
#include "agent/commands/output.hpp"

#include <string>

namespace bootwright {

int version_command() {
    print_line("bootwright " + std::string(version));
    return exit_ok;
}

namespace {

const Command command{.name = "version",
                      .help = "Print the version",
                      .run = [](const System&, const CommandArguments&) { return version_command(); }};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
