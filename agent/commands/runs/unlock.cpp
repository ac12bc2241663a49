#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/record/locks.hpp"

#include <string>

namespace bootwright {

namespace {

int run(const System& system, const CommandArguments& given) {
    const std::string name = given.value("LOCK");
    if (name == puppets_lock) {
        throw UsageError{"LOCK: `puppet agent --enable` removes Puppet's own lock"};
    }
    remove_lock(system, name);
    const auto locks = held_locks(system);
    show_locks(system, locks);
    print_line("the lock " + name + " is removed");
    if (locks.empty()) {
        print_line("runs begin again: a run that the daemon held back begins within seconds");
        return exit_ok;
    }
    print_line("the machine stays locked:");
    for (const Lock& each : locks) {
        print_line("  " + described(each, system.clock.now()));
    }
    return exit_ok;
}

const Command command{.name = "unlock",
                      .help = "Remove a lock",
                      .options = {{.kind = CommandOption::Kind::argument,
                                   .name = "LOCK",
                                   .help = "As `bootwright locks` lists it",
                                   .is_required = true}},
                      .examples = {{"bootwright unlock db-migration", "A run that waited for it begins"}},
                      .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
