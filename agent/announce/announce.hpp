#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "agent/record/run_record.hpp"
#include "agent/record/run_report.hpp"
#include "agent/role/keys/announce_config.hpp"

#include <chrono>
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

/// What a receiver is told, and what is needed to tell it.
struct News {
    const System& system;
    const AgentConfig& config;
    const AnnounceIdentity& identity;
    const RunReport& report;  ///< of a finished run on an instance that is known
    bool good = false;
    std::string id;  ///< the same for the same news, however often it is sent
};

/// Whether the run's end is final, and so worth telling. True: a good run. False: a failure that the agent alone will
/// not mend, because a person must, or because the machine has been up for `failure_after` without being configured in
/// this boot. Returns nullopt while the agent goes on trying, and if it was told to stop.
std::optional<bool> final_outcome(const RunReport& report, bool was_configured, std::chrono::milliseconds since_boot,
                                  std::chrono::milliseconds failure_after);

/// Tells the receivers of `announce` how the finished run came out, if that is final and they do not know it yet: the
/// web hook at each change within a boot, the others once for each instance. Remembers on disk what was told; after a
/// crash in between, tells it again with the same id. Takes some minutes at most, and never throws: a failure becomes a
/// warning in the status, and is tried again after the next run.
void announce(const System& system, const AgentConfig& config, const AnnounceConfig& announce,
              const AnnounceIdentity& identity, RunRecord& record, std::stop_token stop);

}  // namespace bootwright
