#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "common/files/file.hpp"

#include <cstdint>
#include <stop_token>
#include <thread>

namespace bootwright {

/// Watches, on a thread of its own, whether the instance's metadata is still what the last run read. Looks when the
/// platform reports a change, or every `metadata.watch`, with jitter, to spread a fleet's requests. Destruction ends it
/// at once.
class MetadataWatch {
public:
    /// @param seen fingerprint() of what was read
    MetadataWatch(const System& system, AgentConfig config, std::uint64_t seen);

    /// Becomes readable when the metadata has changed; then nothing more is watched.
    [[nodiscard]] int changed_fd() const { return changed_.get(); }
    [[nodiscard]] bool has_changed() const;

private:
    void watch(const std::stop_token& stop) const;
    [[nodiscard]] std::chrono::milliseconds next_delay() const;

    const System& system_;
    AgentConfig config_;
    std::uint64_t seen_;
    UniqueFd changed_;
    std::jthread thread_;
};

}  // namespace bootwright
