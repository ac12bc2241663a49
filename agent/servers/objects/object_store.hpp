#pragma once

#include "agent/platform/cloud_identity.hpp"
#include "common/net/url.hpp"
#include "common/net/web.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// How object stores are reached, from the image's configuration and the instance's platform.
struct Stores {
    Url s3_endpoint{};                        ///< "https://minio.example.com:9000"; empty: Amazon's
    std::string s3_region{};                  ///< empty: that of the identity; at an endpoint: "us-east-1"
    std::optional<CloudIdentity> s3_keys{};   ///< instead of the instance's own, for s3://
    std::optional<CloudIdentity> identity{};  ///< for CloudService::object_store
};

/// True for a place that serves snapshots, REVISION.bundle, and no git: s3://, gs://, az://, and http(s) with "{revision}".
bool is_snapshot_url(const Url& place);

/// True where only who proves to be this instance gets something: the metadata service has to be asked for an identity.
bool needs_identity(const Url& place, const Stores& stores);

/// The request for the snapshot of a revision (40 hex). Its `max_bytes`, `offset` and `if_range` are the caller's.
/// @throws Error repository.url_invalid, repository.no_identity, repository.revision_invalid (permanent); none shows a secret
WebRequest snapshot_request(const Url& place, const std::string& revision, const Stores& stores);

}  // namespace bootwright
