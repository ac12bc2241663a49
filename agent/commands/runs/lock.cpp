#include "agent/commands/caller.hpp"
#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/runs/under_way.hpp"
#include "agent/record/locks.hpp"
#include "common/base/text.hpp"
#include "common/documents/duration.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

namespace {

std::string name_of(const CommandArguments& given) {
    constexpr std::size_t longest = 64;
    const std::string name = given.value("NAME");
    if (!is_made_of(name, "-_.", longest)) {
        throw UsageError{"NAME: expected letters, digits and -_. of ASCII, no more than 64"};
    }
    if (name == puppets_lock) {
        throw UsageError{"NAME: this is what the lock of `puppet agent --disable` is called; take another one"};
    }
    return name;
}

std::string reason_of(const CommandArguments& given) {
    constexpr std::size_t longest = 500;
    const std::string reason(trimmed(given.value("--reason")));
    if (reason.empty() || reason.size() > longest) {
        throw UsageError{"--reason: expected why, for whoever finds this lock, in no more than 500 bytes"};
    }
    return reason;
}

std::optional<std::chrono::milliseconds> duration_of_lock(const CommandArguments& given) {
    if (!given.has("--for")) {
        return std::nullopt;
    }
    const auto lasts = parse_duration(given.value("--for"));
    if (!lasts || lasts->count() == 0) {
        throw UsageError{"--for: expected a duration such as 30m, 2h or 3d"};
    }
    return lasts;
}

void tell_of_run_under_way(const System& system) {
    if (const Json run = run_under_way(system); run.is_object()) {
        print_line("run " + shown(member_at(run, "number")) +
                   " is under way, and goes on: `bootwright status --wait` shows its end");
    }
}

int run(const System& system, const CommandArguments& given) {
    const Lock lock{.name = name_of(given), .reason = reason_of(given), .by = caller(system)};
    set_lock(system, lock, duration_of_lock(given));
    const auto locks = held_locks(system);
    show_locks(system, locks);
    print_line("no run begins on this machine any more; the locks:");
    for (const Lock& each : locks) {
        print_line("  " + described(each, system.clock.now()));
    }
    tell_of_run_under_way(system);
    return exit_ok;
}

const Command command{.name = "lock",
                      .help = "Let no run begin on this machine",
                      .options = {{.kind = CommandOption::Kind::argument,
                                   .name = "NAME",
                                   .help = "What the lock is called: db-migration",
                                   .is_required = true},
                                  {.kind = CommandOption::Kind::option,
                                   .name = "--reason",
                                   .help = "Why, for whoever finds it; anybody may read it",
                                   .is_required = true},
                                  {.kind = CommandOption::Kind::option,
                                   .name = "--for",
                                   .help = "Ends by itself after so long: 30m, 2h, 3d",
                                   .value = "DURATION"}},
                      .examples = {{"bootwright lock db-migration --reason 'the schema changes, ask Ada' --for 2h",
                                    "No run begins for two hours, or until it is unlocked"}},
                      .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
