#include "agent/record/locks.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"

namespace bootwright {

namespace {

int run(const System& system, const CommandArguments& given) {
    const auto locks = held_locks(system);
    const Instant now = system.clock.now();
    if (given.has("--json")) {
        Json list = Json::array();
        for (const Lock& lock : locks) {
            list.push_back(to_json(lock, now));
        }
        print_json(list);
        return exit_ok;
    }
    for (const Lock& lock : locks) {
        print_line(described(lock, now));
    }
    if (locks.empty()) {
        print_line("this machine is not locked");
    }
    return exit_ok;
}

const Command command{.name = "locks",
                      .help = "Say what keeps runs from beginning, who set it, why, and until when",
                      .options = {{.kind = CommandOption::Kind::flag, .name = "--json", .help = "Print JSON"}},
                      .examples = {{"bootwright locks", "Is this machine locked, and whom to ask?"}},
                      .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
