#pragma once

#include "agent/config/config.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// A credential of the image; what is in a file of this machine is already read.
struct ReadyCredential {
    Credential credential;
    std::optional<std::string> password{};  ///< nullopt: a secret store has it, or none is asked for
    std::optional<std::string> ssh_key{};
    std::optional<Error> problem{};  ///< why one of them could not be read: thrown once it is needed
};

/// What the agent asks of the child that fetches. It goes to the child's standard input, since it holds secrets.
struct FetchRequest {
    std::filesystem::path repositories;                    ///< the folder that holds the bare repositories
    std::filesystem::path checkouts;                       ///< the folder that holds the checkouts
    std::vector<std::filesystem::path> other_checkouts{};  ///< those of other repositories of this machine
    std::filesystem::path downloads;         ///< holds the folder that the program that speaks to servers may write
    std::filesystem::path r10k;              ///< the folder that r10k may write; every user can reach it
    std::filesystem::path download_program;  ///< that program

    std::vector<Url> places;  ///< the repository's places, in the order in which they are asked
    Url name_url;             ///< the URL that the repository is known by
    std::string revision;
    std::string policy;                  ///< goes into the seal
    std::vector<std::string> protect{};  ///< revisions that are never removed

    AgentConfig::Repository settings{};  ///< paths as they are on this machine
    std::vector<ReadyCredential> credentials{};
    std::vector<Url> release_mirrors{};  ///< which have archives of releases by their SHA-256
    Stores stores{};
    std::optional<CloudIdentity> secrets_identity{};
    Url secrets_endpoint{};
};

Json to_json(const FetchRequest& request);
/// @throws std::exception if `json` was not made by to_json
FetchRequest fetch_request_from_json(const Json& json);

}  // namespace bootwright
