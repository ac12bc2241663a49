#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/error.hpp"

#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

/// How the platform was found, or why not.
struct Detection {
    struct Applied {
        const Platform* platform = nullptr;
        Evidence evidence{};
    };
    struct Probed {
        const Platform* platform = nullptr;
        std::string request;  ///< "GET http://169.254.169.254/…"
        std::string seen;     ///< "HTTP status 404", or the reason why there was no answer
    };
    const Platform* platform = nullptr;  ///< null if no platform recognised this machine
    std::string chosen_by{};             ///< "the kernel command line", "detection"
    std::vector<Applied> rules{};        ///< of all platforms, in the order in which they count
    std::vector<Probed> probes{};        ///< of a machine that no rule recognised
};

/// The kernel command line wins over the image's configuration, and that over the rules, which need no network. If none
/// matches, asks all clouds that can prove themselves, at once.
/// @throws Error platform.unknown_name (permanent); stopped
Detection detect_platform(const System& system, const AgentConfig& config, std::stop_token stop);

/// platform.not_recognised (transient: labels may appear late), which names every rule and what it saw.
Error not_recognised(const Detection& detection);

/// @throws Error platform.not_recognised; and as detect_platform
const Platform& find_platform(const System& system, const AgentConfig& config, std::stop_token stop);

}  // namespace bootwright
