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

/// The platform's proof, for receivers, of who this instance is.
struct AnnounceIdentity {
    std::function<std::optional<CloudIdentity>()> for_services;
    std::function<std::optional<std::string>(const std::string& audience)> token_for;
};

/// Tells the receivers of `announce` how the finished run came out, if that is final and they do not know it yet: the web hook
/// at each change within a boot, the others once for each instance. Remembers on disk what was told; after a crash in between
/// it is told again, with the same id. Takes some minutes at most, and never throws: a failure becomes a warning in the status,
/// and is tried again after the next run.
void announce(const System& system, const AgentConfig& config, const AnnounceConfig& announce,
              const AnnounceIdentity& identity, RunRecord& record, std::stop_token stop);

}  // namespace bootwright
