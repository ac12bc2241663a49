#pragma once

#include "agent/platform/cloud_identity.hpp"
#include "agent/record/run_report.hpp"
#include "agent/role/announce_config.hpp"
#include "common/net/web.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

/// Whether the run's end is final, and so worth telling. True: a good run. False: a failure that the agent will not mend alone,
/// since a person has to, or since the machine has been up for `failure_after` without being configured in this boot. Returns
/// nullopt while the agent goes on trying, and if it was told to stop.
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
