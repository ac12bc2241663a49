#include "agent/daemon/metadata_watch.hpp"

#include "agent/platform/detection.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <string>

namespace bootwright {

MetadataWatch::MetadataWatch(const System& system, AgentConfig config, std::uint64_t seen)
    : system_(system),
      config_(std::move(config)),
      seen_(seen),
      changed_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {}

bool MetadataWatch::has_changed() const {
    pollfd event{.fd = changed_.get(), .events = POLLIN, .revents = 0};
    return poll(&event, 1, 0) == 1;
}

void MetadataWatch::watch(const std::stop_token& stop) const {
    constexpr std::chrono::seconds shortest_pause{5};
    std::string cursor;
    std::string problem;
    while (!stop.stop_requested()) {
        try {
            const Detection found = find_platform(system_, config_, stop);
            const auto before = system_.clock.now().since_boot;
            found.instance->wait_for_change(system_, config_, next_delay(), cursor, stop);
            if (fingerprint(read_instance(found, system_, config_, stop)) != seen_) {
                eventfd_write(changed_.get(), 1);
                return;
            }
            problem.clear();
            // A service may say "changed" all the time.
            if (system_.clock.now().since_boot - before < shortest_pause) {
                system_.clock.sleep(shortest_pause, stop);
            }
        } catch (const Error& error) {
            if (error.kind != ErrorKind::stopped && problem != error.code) {  // once, not at each look
                log(LogLevel::warning, "the instance's metadata is not watched for now: " + error.message);
            }
            problem = error.code;
            cursor.clear();
            system_.clock.sleep(next_delay(), stop);
        }
    }
}

std::chrono::milliseconds MetadataWatch::next_delay() const {
    const double share = 0.75 + system_.random() / 2;
    return std::chrono::milliseconds(
        static_cast<long long>(static_cast<double>(config_.metadata_watch.count()) * share));
}

}  // namespace bootwright
