#include "agent/config/schema.hpp"
#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"

namespace bootwright {

namespace {

const Command group{.name = "schema", .help = "What configuration files may hold, as JSON Schema, for editors"};
const Registered<Command> registered_group(group);

const Command agent{.name = "schema agent",
                    .help = "Print the JSON Schema of agent.json",
                    .examples = {{"bootwright schema agent", "Save it where your editor looks for schemas"}},
                    .run = [](const System&, const CommandArguments&) {
                        print_json(agent_schema());
                        return int{exit_ok};
                    }};
const Registered<Command> registered_agent(agent);

const Command role{.name = "schema role",
                   .help = "Print the JSON Schema of a role config",
                   .examples = {{"bootwright schema role", "Save it where your editor looks for schemas"}},
                   .run = [](const System&, const CommandArguments&) {
                       print_json(role_schema());
                       return int{exit_ok};
                   }};
const Registered<Command> registered_role(role);

}  // namespace

}  // namespace bootwright
