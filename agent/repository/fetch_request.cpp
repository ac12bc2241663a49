#include "agent/repository/fetch_request.hpp"

#include "common/net/json_types.hpp"

#include <array>
#include <string_view>

namespace bootwright {

template <>
constexpr auto names_in_json<AgentConfig::Repository::Verify> = std::to_array<std::string_view>({"none", "tag",
                                                                                                 "commit", "both"});
template <>
constexpr auto names_in_json<AgentConfig::Repository::Puppetfile> = std::to_array<std::string_view>({"fetch", "r10k",
                                                                                                     "ignore"});

// Not in an unnamed namespace, where nlohmann-json would not find them. Each after those of its members.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CloudIdentity, access_key, secret_key, session_token, region, bearer_token)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SecretSource, kind, name)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Credential, host, user, password, ssh_key)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ReadyCredential, credential, password, ssh_key, problem)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Stores, s3_endpoint, s3_region, s3_keys, identity)
// Without what only the agent itself needs. The credentials go as ReadyCredential.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AgentConfig::Repository, allow_branches_and_tags, ca_file, known_hosts, ssh_key,
                                   timeout, stall, keep, least_rate, proxy, no_proxy, client_certificate, client_key,
                                   seed, verify, allowed_signers, keyring, allow_rewritten_branches, not_before,
                                   insecure, puppetfile)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FetchRequest, repositories, checkouts, other_checkouts, downloads, r10k,
                                   download_program, places, name_url, revision, policy, protect, settings, credentials,
                                   release_mirrors, stores, secrets_identity, secrets_endpoint)

Json to_json(const FetchRequest& request) { return request; }
FetchRequest fetch_request_from_json(const Json& json) { return json.get<FetchRequest>(); }

}  // namespace bootwright
