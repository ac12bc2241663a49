#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "common/base/error.hpp"
#include "common/net/web.hpp"

#include <chrono>
#include <filesystem>
#include <stop_token>

namespace bootwright {

/// Has the unprivileged program ask a web server for a short answer: with the image's certificates and proxy, and no credentials
/// but those of `web`.
/// @param downloads root's folder for what is downloaded, in which no transfer may be under way
/// @param too_late thrown after `limit`
/// @throws Error as ask_download_program; io.*
WebResponse exchange(const System& system, const AgentConfig& config, const std::filesystem::path& downloads,
                     const WebRequest& web, std::chrono::milliseconds limit, const Error& too_late,
                     std::stop_token stop);

}  // namespace bootwright
