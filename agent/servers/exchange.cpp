#include "agent/servers/exchange.hpp"

#include "agent/servers/ask.hpp"
#include "agent/servers/folder.hpp"
#include "agent/servers/proxy.hpp"
#include "common/base/log.hpp"
#include "common/files/file.hpp"

#include <cstddef>
#include <filesystem>
#include <utility>

namespace bootwright {

WebResponse exchange(const System& system, const AgentConfig& config, const std::filesystem::path& downloads,
                     const WebRequest& web, std::chrono::milliseconds limit, const Error& too_late,
                     std::stop_token stop) {
    constexpr std::chrono::seconds patience{5};
    constexpr std::size_t largest_pem = std::size_t{4} << 20U;
    AgentConfig::Repository settings = config.repository;
    add_proxy_of(system.environment, settings);
    const std::filesystem::path ca = settings.ca_file.empty() ? "" : system.path(settings.ca_file.string());
    const DownloadFolder folder(downloads);
    const DownloadRequest request{.kind = DownloadRequest::Kind::answer,
                                  .folder = folder.path(),
                                  .trust = {.ca_pem = ca.empty() ? "" : read_file(ca, largest_pem),
                                            .proxy = settings.proxy,
                                            .no_proxy = settings.no_proxy},
                                  .patience = {.connect = patience, .stall = patience},
                                  .web = web};
    const auto heard = [](const DownloadEvents::Event& event) {
        if (const auto lack = lack_of_confinement(event)) {
            log(LogLevel::warning, *lack);
        }
    };
    return web_response_of(ask_download_program(system.processes, system.program("bootwright-download"), request, limit,
                                                too_late, heard, std::move(stop)));
}

}  // namespace bootwright
