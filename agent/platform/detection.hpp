#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/error.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

/// How the platform was found, or why not.
struct Detection {
    struct Applied {
        const Platform* platform = nullptr;
        Evidence evidence{};
        std::string chosen_by = "detection";
    };
    struct Probed {
        const Platform* platform = nullptr;
        std::string request;  ///< "GET http://169.254.169.254/…"
        std::string seen;     ///< "HTTP status 404", or the reason why there was no answer
    };
    const Platform* platform = nullptr;      ///< whose user-data counts; null if none recognised this machine
    const Platform* instance = nullptr;      ///< who says which instance this is: nearly always the same
    std::string chosen_by{};                 ///< "the kernel command line", "detection"
    std::vector<Applied> rules{};            ///< of all platforms, in the order in which they count
    std::vector<Probed> probes{};            ///< of a machine that no rule recognised
    std::optional<std::string> container{};  ///< what says that this is one: what is its host's was not believed then
};

/// Of all rules that match, the one of the first rank decides; they need no network. If none matches, asks all clouds that can
/// prove themselves, at once; but in a container none, since it is the host's cloud that would answer.
/// @throws Error platform.unknown_name (permanent); stopped
Detection detect_platform(const System& system, const AgentConfig& config, std::stop_token stop);

/// platform.not_recognised (transient: labels may appear late), which names every rule and what it saw.
Error not_recognised(const Detection& detection);

/// The same, of a platform that is there. @throws Error platform.not_recognised; and as detect_platform
Detection find_platform(const System& system, const AgentConfig& config, std::stop_token stop);

/// Who this instance is, with the user-data that counts. @param found with a platform
/// @throws Error as Platform::read
InstanceMetadata read_instance(const Detection& found, const System& system, const AgentConfig& config,
                               const std::stop_token& stop);

}  // namespace bootwright
