#pragma once

#include "agent/commands/command.hpp"

#include <map>
#include <string>
#include <vector>

namespace bootwright {

/// What the program was called with.
struct CommandLine {
    std::string root = "/";
    const Command* command = nullptr;  ///< null: only help was asked for
    std::map<std::string, std::string> given{};
    CommandArguments::Words words{};
    std::string help{};  ///< what was asked for, lines of text
};

/// All commands by name, a group before its own.
std::vector<const Command*> all_commands();

/// What stands for the value of an option or argument where it is explained: "RUN".
std::string value_name(const CommandOption& option);

/// @param words without the program's name @throws UsageError, which may have several lines
CommandLine parse_command_line(const std::vector<std::string>& words);

}  // namespace bootwright
