#include "agent/servers/cloud_request.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

Error no_identity(const std::string& place, const std::string& what, const std::string& advice) {
    return permanent_error("repository.no_identity", place + " wants " + what + ", and this instance has none", advice);
}

}  // namespace

AwsSignature aws_signature(const std::optional<CloudIdentity>& identity, const std::string& service,
                           const std::string& region, const std::string& place) {
    if (!identity || identity->access_key.empty() || identity->secret_key.empty()) {
        throw no_identity(place, "Amazon's keys",
                          "give the instance a role; outside of EC2, for an object store, name a file with keys in "
                          "s3.keys_file of agent.json");
    }
    return {.access_key = identity->access_key,
            .secret_key = identity->secret_key,
            .session_token = identity->session_token,
            .region = region,
            .service = service};
}

std::pair<std::string, std::string> bearer_header(const std::optional<CloudIdentity>& identity,
                                                  const std::string& place) {
    if (!identity || identity->bearer_token.empty()) {
        throw no_identity(place, "the token of its own cloud's identity",
                          "give the instance a service account (GCE) or a managed identity (Azure); from another "
                          "cloud, use another mirror or another place for the secret");
    }
    return {"Authorization", "Bearer " + identity->bearer_token};
}

std::string aws_host(const std::string& service, const std::string& region, const std::string& place) {
    const bool is_region = is_made_of(region, "-_", 40) && region.front() != '-';
    if (!is_region) {
        throw permanent_error("server.url_invalid", place + ": there is no region to ask, or it is none",
                              "set s3.region in agent.json, or write a secret's whole ARN");
    }
    return service + "." + region + (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

std::string uri_encoded(std::string_view path) { return percent_encoded(path, "-._~/"); }

}  // namespace bootwright
