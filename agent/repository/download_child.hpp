#pragma once

#include "agent/repository/download_request.hpp"
#include "common/error.hpp"
#include "common/json.hpp"
#include "common/process.hpp"
#include "common/web.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace bootwright {

/// Runs the unprivileged program that speaks to servers, and returns the last event, which holds what was asked for; `heard`
/// is told of the others, and what it throws ends the program. The request goes to standard input, since it holds secrets.
/// @throws Error what the program says; `too_late` at the timeout; repository.fetch_crashed (transient); stopped
Json ask_download_program(ProcessRunner& processes, const std::filesystem::path& program,
                          const DownloadRequest& request, std::chrono::milliseconds timeout, const Error& too_late,
                          const std::function<void(const Json& event)>& heard, std::stop_token stop);

/// What to tell where the event says that the program is not confined as it should be; nothing for every other event.
std::optional<std::string> lack_of_confinement(const Json& event);

/// The server's answer in the last event for a request of the kind `answer`.
/// @throws Error repository.fetch_crashed where it makes no sense
WebResponse web_response_of(const Json& ending);

/// What `read` makes of the last event's `key`. The program is not trusted to make sense.
/// @throws Error repository.fetch_crashed
template <typename Read>
auto understood(const Json& ending, const char* key, Read read) {
    try {
        return read(ending.at(key));
    } catch (const Json::exception&) {
        throw transient_error("repository.fetch_crashed", "bootwright-download gave an answer that makes no sense",
                              "report this as a defect of bootwright");
    }
}

}  // namespace bootwright
