#pragma once

#include "agent/servers/event.hpp"
#include "agent/servers/request.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace bootwright {

/// Runs the unprivileged program that speaks to servers, and returns its last event, which holds what was asked for.
/// `heard` gets the other events; what it throws ends the program. The request goes to standard input, since it holds
/// secrets. Everything that the program has started ends with it.
/// @throws Error what the program may say; `too_late` at the timeout; repository.fetch_crashed (transient); stopped;
///   io.no_space if the disk is full
Json ask_download_program(ProcessRunner& processes, const std::filesystem::path& program,
                          const DownloadRequest& request, std::chrono::milliseconds timeout, const Error& too_late,
                          const std::function<void(const DownloadEvents::Event& event)>& heard, std::stop_token stop);

/// The warning for an event that says that the program is not confined as it should be. nullopt for every other event.
std::optional<std::string> lack_of_confinement(const DownloadEvents::Event& event);

}  // namespace bootwright
