#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "agent/record/run_record.hpp"
#include "agent/role/announce_config.hpp"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace bootwright {

/// With what the platform proves to receivers who tells them.
struct AnnounceIdentity {
    std::function<std::optional<CloudIdentity>()> for_services;
    std::function<std::optional<std::string>(const std::string& audience)> token_for;
};

/// Tells the receivers of `announce` how the finished run came out, where that is final and they do not know it yet: the web
/// hook at each change within a boot, the others once for each instance. What was told is remembered on the disk; a crash in
/// between has it told again, with the same id. Takes some minutes at most, and never throws: what did not work is a warning
/// in the status, and is tried again after the next run.
void announce(const System& system, const AgentConfig& config, const AnnounceConfig& announce,
              const AnnounceIdentity& identity, RunRecord& record, std::stop_token stop);

}  // namespace bootwright
