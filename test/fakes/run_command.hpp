#pragma once

#include "agent/commands/command.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace bootwright {

/// Runs a command as main.cpp does. @param given its options, "" for a flag @param words of arguments that repeat
inline int run_command(const System& system, const std::string& name,
                       const std::map<std::string, std::string>& given = {},
                       const CommandArguments::Words& words = {}) {
    const auto& all = Registered<Command>::all();
    const auto command = std::find_if(all.begin(), all.end(), [&](const Command* each) { return each->name == name; });
    return (*command)->run(system, CommandArguments(given, words));
}

}  // namespace bootwright
