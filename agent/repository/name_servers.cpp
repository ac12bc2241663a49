#include "agent/repository/name_servers.hpp"

#include "common/files/file.hpp"
#include "common/net/name_lookup.hpp"
#include "common/net/name_server.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace bootwright {

std::vector<std::string> warnings_of_name_servers(const System& system, const std::vector<PlaceAnswer>& places) {
    constexpr double slow = 2;
    constexpr std::chrono::seconds limit{2};
    constexpr std::size_t largest = std::size_t{64} << 10U;
    const auto place =
        std::find_if(places.begin(), places.end(), [](const PlaceAnswer& one) { return one.seconds >= slow; });
    const std::string host = place == places.end() ? "" : Url::parse(place->place).value_or(Url()).host();
    std::vector<std::string> warnings;
    if (host.empty()) {
        return warnings;
    }
    for (const std::string& server : name_servers_of(read_or_empty(system.path("/etc/resolv.conf"), largest))) {
        if (const auto problem = why_no_answer(server, host, limit)) {
            warnings.push_back(
                "name server " + server + " of /etc/resolv.conf " + *problem +
                ": each look-up waits for it, if it stands before the others. Bring it back, or take it out");
        }
    }
    return warnings;
}

}  // namespace bootwright
