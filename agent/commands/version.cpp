#include "common/base/version.hpp"
#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"

#include <string>

namespace bootwright {

namespace {

const Command command{.name = "version",
                      .help = "Print the version",
                      .examples = {{"bootwright version", "For a ticket"}},
                      .run = [](const System&, const CommandArguments&) {
                          print_line("bootwright " + std::string(version));
                          return int{exit_ok};
                      }};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
