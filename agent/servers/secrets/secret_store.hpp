#pragma once

#include "agent/config/config.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "common/base/registered.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"
#include "common/net/web.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// A service that keeps secrets, and gives them to whoever proves to be this instance. One file each, which registers the store
/// and its kind.
struct SecretStore {
    SecretKind kind;
    std::string_view called;   ///< for errors: "AWS Secrets Manager"
    std::string_view right;    ///< what the instance's role needs, for the advice
    std::string_view example;  ///< of a name
    bool (*is_name)(const std::string& name);
    /// Call it for a name that is_name() takes. @throws Error repository.no_identity
    WebRequest (*request)(const std::string& name, const std::optional<CloudIdentity>& identity);
    /// The value in a good answer. Returns nullopt if it holds none.
    std::optional<std::string> (*value)(const Json& answer);
};

/// Returns nullptr for `file` and `credential`.
const SecretStore* find_secret_store(std::string_view kind);

/// The request for a secret; to `endpoint` ("https://vpce-1.example.com") if that is not empty.
/// @throws Error repository.secret_name_invalid, repository.no_identity (permanent)
WebRequest secret_request(const SecretStore& store, const std::string& name,
                          const std::optional<CloudIdentity>& identity, const Url& endpoint);

/// The secret, at most 64 KiB, without a line end at its end.
/// @throws Error repository.secret_denied, repository.secret_not_found (permanent), repository.secret_unavailable
/// (transient, with Retry-After); none shows what was answered, except the service's own word for a fault
std::string read_secret(const SecretStore& store, const std::string& name, const WebResponse& response);

// What the stores share.

/// What both of Amazon's want: a POST of `body`, signed. `name` may be an ARN, which names the region.
WebRequest aws_json_request(const std::string& service, const std::string& target, const std::string& name,
                            const Json& body, const std::optional<CloudIdentity>& identity);

/// The string at a JSON pointer. Returns nullopt if there is none.
std::optional<std::string> string_at_pointer(const Json& answer, const char* pointer);

}  // namespace bootwright
