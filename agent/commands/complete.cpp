#include "agent/commands/complete.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/help/markdown.hpp"
#include "agent/help/runbook.hpp"
#include "agent/platform/platform.hpp"
#include "agent/record/locks.hpp"
#include "agent/record/past.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace bootwright {

namespace {

/// A word, and its meaning after a space: no word has one.
void print_word(const std::string& word, const std::string& meaning) { print_line(word + " " + meaning); }

/// The last lines of the history, the newest first: as many as somebody may want to choose from.
std::vector<Json> last_runs(const System& system) {
    constexpr std::size_t most = 200;
    const Past past(system);
    std::vector<Json> lines;
    for (std::size_t i = past.size(); i > 0 && lines.size() < most; --i) {
        lines.push_back(past.line(i - 1));
    }
    return lines;
}

std::string meaning_of(const Json& line) {
    return shown(member_at(line, "began")).substr(0, std::string_view("2026-03-03T12:00").size()) + " " +
           shown(member_at(line, "outcome"));
}

void print_runs(const System& system) {
    print_word("last_good", "the last good run");
    for (const Json& line : last_runs(system)) {
        print_word(shown(member_at(line, "run")), meaning_of(line));
    }
}

/// Each once, with the last run of it.
void print_revisions(const System& system) {
    std::set<std::string> printed;
    for (const Json& line : last_runs(system)) {
        const std::string revision(string_at(line, "revision"));
        if (!revision.empty() && printed.insert(revision).second) {
            print_word(revision, "run " + shown(member_at(line, "run")) + ", " + meaning_of(line));
        }
    }
}

void print_codes(const System& /*system*/) {
    for (const RunbookEntry& entry : runbook()) {
        for (const std::string& code : entry.codes) {
            print_word(code, plain(entry.meaning));
        }
    }
}

void print_kinds(const System& /*system*/) {
    print_word("agent", "an image's configuration");
    print_word("role", "a role config that root alone can change");
    print_word("user-data", "what is handed over at launch");
}

void print_locks(const System& system) {
    for (const Lock& lock : held_locks(system)) {
        print_word(lock.name, lock.reason);
    }
}

void print_platforms(const System& /*system*/) {
    for (const Platform* platform : platforms()) {
        const std::size_t largest = platform->user_data_terms().largest;
        print_word(std::string(platform->name()), largest == 0
                                                      ? "user-data without a known limit"
                                                      : "user-data of " + counted(largest, "byte") + " at most");
    }
}

/// The names of values that the program itself knows what to put in place of.
struct Completed {
    std::string_view value;  ///< CommandOption::value
    void (*print)(const System& system);
};

constexpr std::array completed{
    Completed{"CODE", print_codes},         Completed{"KIND", print_kinds},         Completed{"LOCK", print_locks},
    Completed{"PLATFORM", print_platforms}, Completed{"REVISION", print_revisions}, Completed{"RUN", print_runs},
};

int run(const System& system, const CommandArguments& given) {
    const std::string value = given.value("VALUE");
    const auto* found =
        std::find_if(completed.begin(), completed.end(), [&](const Completed& one) { return one.value == value; });
    if (found == completed.end()) {
        throw UsageError{"VALUE: expected one of " + joined(completed_values(), ", ")};
    }
    found->print(system);
    return exit_ok;
}

const Command command{
    .name = "complete",
    .help = "Print what may stand in a command line, for the shell that completes it",
    .options = {{.kind = CommandOption::Kind::argument,
                 .name = "VALUE",
                 .help =
                     "What is wanted: RUN, REVISION, LOCK, PLATFORM, KIND or CODE, as the help of a command calls it",
                 .is_required = true}},
    .examples = {{"bootwright complete RUN", "A line for each run: its number, and when and how it was"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

std::vector<std::string> completed_values() {
    std::vector<std::string> values(completed.size());
    std::transform(completed.begin(), completed.end(), values.begin(),
                   [](const Completed& one) { return std::string(one.value); });
    return values;
}

}  // namespace bootwright
