#include "agent/servers/request.hpp"

#include "common/net/json_types.hpp"

#include <array>
#include <string_view>

namespace bootwright {

template <>
constexpr auto names_in_json<DownloadRequest::Kind> = std::to_array<std::string_view>({"git", "snapshot", "file",
                                                                                       "releases", "answer", "r10k"});

// Not in an unnamed namespace, where nlohmann-json would not find them. Each after those of its members.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WebTrust, ca_pem, client_certificate, client_key, proxy, no_proxy)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WebPatience, connect, stall)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(GitWish, revision, with_tags, with_history, haves, shallow, complete)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AwsSignature, access_key, secret_key, session_token, region, service)
// Without what the program finds out for itself: which part of the file is there already.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WebRequest, method, url, headers, body, user, password, signature, follow_redirects,
                                   max_bytes, with_certificate)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WantedArchive, web, sha256)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DownloadRequest, kind, folder, file, trust, patience, least_rate, url, user,
                                   password, ssh_key, known_hosts, wish, web, sha256, unpacks, archives, program,
                                   puppetfile, credentials)
// Only written so: git_answer_of() reads it, and believes less.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(GitTag, name, id)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(GitAnswer, commit, tags, has_pack, is_shallow)

Json to_json(const DownloadRequest& request) { return request; }
DownloadRequest download_request_from_json(const Json& json) { return json.get<DownloadRequest>(); }

Json to_json(const GitAnswer& answer) { return answer; }

}  // namespace bootwright
