#pragma once

#include "agent/platform/cloud_identity.hpp"
#include "common/base/error.hpp"
#include "common/base/registered.hpp"
#include "common/net/url.hpp"
#include "common/net/web.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// How object stores are reached, from the image's configuration and the instance's platform.
struct Stores {
    Url s3_endpoint{};                        ///< "https://minio.example.com:9000"; empty: Amazon's
    std::string s3_region{};                  ///< empty: that of the identity; at an endpoint: "us-east-1"
    std::optional<CloudIdentity> s3_keys{};   ///< instead of the instance's own, for s3://
    std::optional<CloudIdentity> identity{};  ///< for CloudService::object_store
};

/// A kind of server that gives files by their names: snapshots, REVISION.bundle, and archives of releases, SHA256.tar.gz.
/// One file each, which registers the store, and its scheme if it has one of its own.
struct ObjectStore {
    UrlScheme scheme{};  ///< the store serves all places of this scheme; if it has none of its own, `serves` decides
    bool (*serves)(const Url& place) = nullptr;
    bool (*needs_identity)(const Stores& stores) = [](const Stores&) { return true; };
    /// @throws Error server.url_invalid, repository.no_identity (permanent); none shows a secret
    WebRequest (*request)(const Url& place, const std::string& file, const Stores& stores);
};

/// True for a place that serves snapshots, REVISION.bundle, and no git: s3://, gs://, az://, and http(s) with "{revision}".
bool is_snapshot_url(const Url& place);

/// True if the place gives nothing without an identity, which the metadata service gives.
bool needs_identity(const Url& place, const Stores& stores);

/// The request for the snapshot of a revision (40 hex). Its `max_bytes`, `offset` and `if_range` are the caller's.
/// @throws Error server.url_invalid, repository.no_identity, git.revision_invalid (permanent); none shows a secret
WebRequest snapshot_request(const Url& place, const std::string& revision, const Stores& stores);

/// The request for the archive of a release at a mirror: a folder of a web server, or a place in an object store. Likewise.
/// @param sha256 of the archive, 64 hex digits
/// @throws Error server.url_invalid, repository.no_identity (permanent); none shows a secret
WebRequest mirrored_release_request(const Url& mirror, const std::string& sha256, const Stores& stores);

/// What it is called there.
std::string mirrored_release_name(const std::string& sha256);

// What the stores share.

/// "s3://bucket/a/b" in parts.
struct StorePlace {
    std::vector<std::string> names;  ///< account, container, bucket
    std::string object;              ///< "a/b/FILE"
};

/// @param names how many parts name the store; the rest is a prefix. @throws Error server.url_invalid
StorePlace store_place(const Url& place, std::size_t names, const std::string& file);

/// Lower case letters, digits and some of `others`, beginning and ending with a letter or digit.
bool is_store_name(const std::string& name, std::string_view others, std::size_t shortest, std::size_t longest);

/// "Bucket naming rules" of Amazon S3, and "Bucket naming guidelines" of Google. @throws Error server.url_invalid
void check_bucket(const Url& place, const std::string& bucket, std::string_view others, std::size_t longest);

Error store_url_invalid(const Url& place, const std::string& why, const std::string& advice);
Error not_a_store(const Url& place);

}  // namespace bootwright
