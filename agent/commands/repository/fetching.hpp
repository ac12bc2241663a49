#pragma once

#include "agent/commands/command.hpp"
#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/repository/fetch_outcome.hpp"
#include "agent/repository/fetch_request.hpp"
#include "common/documents/json.hpp"
#include "common/files/work_folder.hpp"
#include "common/net/redactor.hpp"

#include <functional>
#include <string_view>

namespace bootwright {

// What the commands share that fetch for their caller, on a laptop or in CI. They need neither root nor a configuration.

/// The caller's own ways to servers, as git and ssh have them: nothing of an image's configuration.
AgentConfig::Repository settings_of_caller(const System& system);

/// Where the caller's passwords and tokens are: git's own places for them are not asked.
inline const CommandOption credentials_option{
    .kind = CommandOption::Kind::option,
    .name = "--credentials",
    .help = "A file, {\"credentials\": […]}, with the list as repository.credentials of agent.json has it",
    .value = "FILE"};

/// A request of the caller, with folders below `work`, that names no place and no revision yet.
/// @throws Error config.invalid, io.*: of the file of credentials_option
FetchRequest fetch_request_in(const System& system, const WorkFolder& work, const CommandArguments& given);

/// Reads a line of the child; true once the answer has what was asked for.
using ReadAnswer = std::function<bool(std::string_view line, const FetchEvents& events, FetchOutcome& answer)>;

/// Has bootwright-fetch answer the request, and shows its progress on a terminal. Ctrl-C ends it.
/// @throws Error what the child says; repository.fetch_crashed if it ends without an answer
FetchOutcome ask_fetch_program(const System& system, const Json& request, const Redactor& redactor,
                               const ReadAnswer& read);

}  // namespace bootwright
