#pragma once

#include "agent/platform/cloud_identity.hpp"
#include "agent/record/run_report.hpp"
#include "agent/role/announce_config.hpp"
#include "common/net/web.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

/// Whether the run's end is final, and so worth telling: true for a good run, false for a failure that the agent alone will
/// not mend: one that somebody has to mend, or any on a machine that was not configured in this boot although it has been up
/// for `failure_after`. Nothing where the agent goes on trying, and where it was told to stop.
std::optional<bool> final_outcome(const RunReport& report, bool was_configured, std::chrono::milliseconds since_boot,
                                  std::chrono::milliseconds failure_after);

/// A POST of JSON; docs/role-config.md has the keys. `id` is the same for the same news, however often it is sent;
/// `bearer`, if there is one, goes into the header Authorization.
WebRequest webhook_request(const AnnounceConfig::Webhook& webhook, const RunReport& report, bool good,
                           const std::string& id, const std::string& bearer);

/// CompleteLifecycleAction, with CONTINUE or ABANDON, signed by the instance's role.
/// @throws Error announce.no_group, repository.no_identity, server.url_invalid (permanent)
WebRequest lifecycle_request(const AnnounceConfig::AwsLifecycle& lifecycle, const InstanceMetadata& instance, bool good,
                             const std::optional<CloudIdentity>& identity);

/// The signal that a CloudFormation wait condition waits for, of this instance.
WebRequest wait_condition_request(const Url& url, const RunReport& report, bool good);

/// What a receiver said to it, in words that hold nothing of its URL.
/// @throws Error announce.unavailable (transient), announce.refused (permanent)
std::string read_answer(const WebResponse& response);

/// The same for Auto Scaling, which also refuses to complete what is complete already: that is settled, and no error.
std::string read_lifecycle_answer(const WebResponse& response);

}  // namespace bootwright
