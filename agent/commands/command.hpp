#pragma once

#include "agent/config/system.hpp"
#include "common/base/registered.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// The exit statuses of all commands; docs/commands.md lists them for users.
enum ExitStatus : int {
    exit_ok = 0,            ///< the instance is configured
    exit_failed = 1,        ///< the last run failed
    exit_usage = 2,         ///< the command line is wrong
    exit_not_yet = 3,       ///< nothing has ended yet, or the wait timed out
    exit_not_running = 4,   ///< nothing has run, and no agent is running
    exit_locked = 5,        ///< another run (or daemon) is under way
    exit_would_change = 6,  ///< `run --noop`: something would change
    exit_internal = 70,     ///< a defect of bootwright
};

/// An option or argument of a command.
struct CommandOption {
    enum class Kind {
        flag,
        option,
        options,  ///< one that may be given several times
        argument,
        arguments  ///< any number of them
    } kind;
    std::string name;  ///< "--json", "--timeout"; "KEY" for an argument, which stands alone
    std::string help;
    bool is_required = false;
    std::string needs{};  ///< the option that it needs; "": none
    std::string value{};  ///< what stands for its value: "RUN". A shell completes some of them (complete.hpp)
};

/// True if a word belongs to its name: "--run 42".
inline bool takes_value(const CommandOption& option) {
    return option.kind == CommandOption::Kind::option || option.kind == CommandOption::Kind::options;
}

/// True for what may come several times.
inline bool is_repeated(const CommandOption& option) {
    return option.kind == CommandOption::Kind::options || option.kind == CommandOption::Kind::arguments;
}

/// True for what stands alone, without a name of its own before it.
inline bool is_argument(const CommandOption& option) {
    return option.kind == CommandOption::Kind::argument || option.kind == CommandOption::Kind::arguments;
}

/// A command line that helps, with what it is for.
struct CommandExample {
    std::string_view line;     ///< as it is typed: "bootwright why 'File[/etc/motd]'"
    std::string_view meaning;  ///< one line, for the help and the manual page
};

/// What a command line says: the options that were given, by name, with their values; "" for a flag.
class CommandArguments {
public:
    using Words = std::map<std::string, std::vector<std::string>>;

    /// @param words those of each CommandOption::Kind::options and arguments
    explicit CommandArguments(std::map<std::string, std::string> given, Words words = {})
        : given_(std::move(given)), words_(std::move(words)) {}

    [[nodiscard]] bool has(const std::string& name) const { return given_.contains(name); }
    [[nodiscard]] std::string value(const std::string& name, const std::string& otherwise = "") const {
        const auto found = given_.find(name);
        return found == given_.end() ? otherwise : found->second;
    }
    [[nodiscard]] std::vector<std::string> words(const std::string& name) const {
        const auto found = words_.find(name);
        return found == words_.end() ? std::vector<std::string>() : found->second;
    }

private:
    std::map<std::string, std::string> given_;
    Words words_;
};

/// A command line that makes no sense to the command; the message is for the user. Exit status: exit_usage.
struct UsageError {
    std::string message;
};

/// One command of the program. One file each, which registers it.
struct Command {
    std::string_view name;  ///< "status"; "snapshot make", of the group "snapshot"
    std::string_view help;
    std::vector<CommandOption> options{};
    std::vector<CommandExample> examples{};  ///< one at least, but for a group
    /// Returns an ExitStatus; nullptr for a group. @throws Error, UsageError
    int (*run)(const System& system, const CommandArguments& arguments) = nullptr;
};

}  // namespace bootwright
