#include "agent/platform/platform.hpp"

#include "common/base/error.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

std::vector<const Platform*> platforms() {
    auto sorted = Registered<Platform>::all();
    std::sort(sorted.begin(), sorted.end(), [](const Platform* a, const Platform* b) { return a->name() < b->name(); });
    return sorted;
}

void Platform::wait_for_change(const System& system, const AgentConfig&, std::chrono::milliseconds limit, std::string&,
                               std::stop_token stop) const {
    if (!system.clock.sleep(limit, std::move(stop))) {
        throw stopped_error();
    }
}

}  // namespace bootwright
