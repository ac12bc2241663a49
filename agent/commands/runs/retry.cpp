#include "agent/commands/caller.hpp"
#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/runs/under_way.hpp"
#include "agent/daemon/ask.hpp"
#include "agent/record/locks.hpp"

namespace bootwright {

namespace {

int run(const System& system, const CommandArguments&) {
    if (const auto locks = held_locks(system); !locks.empty()) {
        throw lock_held(locks, system.clock.now());
    }
    if (const Json other = run_under_way(system); other.is_object()) {
        print_line("run " + shown(member_at(other, "number")) +
                   " is under way already: `bootwright status --wait` shows how it ends");
        return exit_ok;
    }
    const ProcessId daemon = ask_for_run(system, caller(system));
    print_line("the daemon (process " + std::to_string(daemon.pid) +
               ") runs at once: `bootwright status --wait` shows how that ends");
    return exit_ok;
}

const Command command{
    .name = "retry",
    .help = "Let the daemon run at once, without waiting for its next try",
    .examples = {{"bootwright retry", "After a repair; `bootwright status --wait` shows how it ends"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
