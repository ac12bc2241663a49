#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace bootwright {

/// The codes of errors about a file that holds a secret, and the advice if it is missing.
struct SecretFileErrors {
    const char* missing = "repository.credential_missing";
    const char* exposed = "repository.credential_exposed";
    const char* advice = "put the secret there, mode 0600, or correct repository.credentials of agent.json";
};

/// Reads a file of this machine that holds a secret. It must belong to root, or to the user of this process, and nobody else
/// may read or write it.
/// @param judge looks at the opened file, and throws if it must not be read
/// @throws Error permanent, as `errors` says; io.*, and io.too_large beyond 64 KiB; and as `judge`
std::string read_secret_file(const std::filesystem::path& path, const SecretFileErrors& errors = {},
                             const std::function<void(const UniqueFd& file)>& judge = {});

/// True if the credential is for the host of `url`. A port that the URL leaves out is its scheme's.
bool is_for_url(const Credential& credential, const Url& url);

/// True if `host`, in lower case and with or without a port, is that of `url`.
bool is_host_of(const std::string& host, const Url& url);

/// The secret in a file or in a systemd credential, without its last line end. Returns nullopt for a source in a secret store.
/// @param judge as of read_secret_file
/// @throws Error permanent, as `errors` says; io.*; and as `judge`
std::optional<std::string> read_local_secret(const System& system, const SecretSource& source,
                                             const std::function<void(const UniqueFd& file)>& judge = {},
                                             const SecretFileErrors& errors = {});

/// The keys for an object store in the file {"access_key": …, "secret_key": …}. Returns nullopt if `file` is empty.
/// @throws Error config.invalid, which names the file; and as read_local_secret
std::optional<CloudIdentity> read_s3_keys(const System& system, const std::filesystem::path& file);

}  // namespace bootwright
