#pragma once

#include "agent/platform/cloud_identity.hpp"
#include "common/net/web.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

// What requests to object stores and to secret stores share.

/// The part of the identity that Amazon's `service` ("s3") wants, or that Google's and Microsoft's want.
/// @throws Error repository.no_identity (permanent) if there is no such part; `place` says what needs it
AwsSignature aws_signature(const std::optional<CloudIdentity>& identity, const std::string& service,
                           const std::string& region, const std::string& place);
std::pair<std::string, std::string> bearer_header(const std::optional<CloudIdentity>& identity,
                                                  const std::string& place);

/// "SERVICE.REGION.amazonaws.com", or its like in China.
/// @throws Error server.url_invalid (permanent) if `region` cannot be one; `place` says what needs it
std::string aws_host(const std::string& service, const std::string& region, const std::string& place);

/// Percent-encoding as Amazon's Signature Version 4 wants it (UriEncode): all but A-Z a-z 0-9 - . _ ~ and "/".
std::string uri_encoded(std::string_view path);

}  // namespace bootwright
