#pragma once

#include "agent/config/config.hpp"

#include "agent/config/system.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/repository/fetch_request.hpp"
#include "common/net/url.hpp"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

/// A revision of a repository, and the places that have it.
struct RepositoryPin {
    Url url;
    std::vector<Url> mirrors{};
    std::string revision;                ///< 40 hex, or a branch or tag if the image allows them
    std::string checkouts = "checkout";  ///< the folder of its checkouts, in the state folder
    std::vector<std::string> protect{};  ///< revisions whose checkouts are not pruned (the last good one)
};

/// What the repository stage reports, and what it may ask for.
struct RepositoryStage {
    StageEvents events;
    std::function<void(const PlaceAnswer& answer)> heard;
    /// The identity that the platform gives the instance. @throws Error as Platform::identity
    std::function<std::optional<CloudIdentity>(CloudService service)> identity;
};

/// What is asked of the child that brings the pin to disk. @throws Error config.invalid, repository.credential_*: of the keys of
/// an object store; stopped
FetchRequest fetch_request_for(const System& system, const AgentConfig& config, const RepositoryPin& pin,
                               const RepositoryStage& stage);

/// The repository stage. Uses at once a checkout that was proven and not touched since. Otherwise a child brings the
/// pinned revision to disk; it is ended at the configured timeout, or earlier if it shows no sign of life.
/// @throws Error repository.*, io.*, process.cannot_start, stopped
Checkout prepare_checkout(const System& system, const AgentConfig& config, const RepositoryPin& pin,
                          const RepositoryStage& stage, std::stop_token stop);

}  // namespace bootwright
