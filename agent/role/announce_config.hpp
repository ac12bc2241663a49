#pragma once

#include "agent/config/config.hpp"
#include "agent/role/who_may_say.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

/// Who is told outside of the machine how its configuration came out.
struct AnnounceConfig {
    struct Webhook {
        Url url{};                            ///< empty: there is none; may be a secret: show only its host
        std::optional<SecretSource> token{};  ///< a file or a credential, sent as "Authorization: Bearer"
        bool identity = false;                ///< sent likewise: the platform's signed word for who the instance is
        Speaker said_by = Speaker::anyone;    ///< only the image has its own secrets sent
    } webhook{};

    /// The lifecycle hook of Amazon's Auto Scaling that waits for this instance.
    struct AwsLifecycle {
        std::string hook{};   ///< empty: there is none
        std::string group{};  ///< empty: as the instance's tag says
    } aws_lifecycle{};

    Url wait_condition{};  ///< the URL of a CloudFormation wait condition handle, which is a secret; empty: none

    /// A machine that has been up for so long, and was not configured in this boot, has failed, although the agent goes on.
    std::chrono::milliseconds failure_after = std::chrono::hours(1);
};

/// Reads one layer, which is the word of `speaker`, over what the layers below it said: each receiver is replaced as a whole.
/// @throws Error with the document's code, naming line and key
void read_announce(AnnounceConfig& announce, ObjectReader reader, Speaker speaker);

}  // namespace bootwright
