#pragma once

#include "agent/config/system.hpp"
#include "common/base/retry.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// The key of a secret store: "aws_secret". Each store registers its own (agent/servers/secrets).
struct SecretKind {
    std::string_view name;
};

/// Where a secret is kept; never the secret itself.
struct SecretSource {
    std::string kind;  ///< "file", "credential" (systemd's), or the key of a secret store: "aws_secret"
    std::string name;  ///< an absolute path, or the secret's name in its store
};

/// What convinces a server that this instance may read a repository.
struct Credential {
    std::string host;    ///< "git.example.com", which stands for every port, or "git.example.com:8443"; lower case
    std::string user{};  ///< over https, with `password`; "": that is a bearer token
    std::optional<SecretSource> password{};
    std::optional<SecretSource> ssh_key{};
};

/// An amount of memory: bytes, or a share of what the machine has. Neither: no limit.
struct MemorySize {
    std::uint64_t bytes = 0;
    int percent = 0;
};

/// What the image says: /etc/bootwright/agent.json, then agent.d/*.json in the order of their names, later files winning
/// key by key. Every key has a default; docs/configuration.md explains them.
struct AgentConfig {
    std::string platform = "auto";
    bool allow_imdsv1 = false;
    std::chrono::milliseconds metadata_timeout = std::chrono::seconds(10);  ///< for one request
    std::chrono::milliseconds metadata_watch = std::chrono::minutes(1);     ///< between two looks; 0: never
    std::filesystem::path role_file = "/etc/bootwright/role.json";          ///< for the platform "file"

    struct Repository {
        bool allow_branches_and_tags = false;
        std::filesystem::path ca_file{};
        std::filesystem::path known_hosts = "/etc/bootwright/known_hosts";
        std::filesystem::path ssh_key = "/etc/bootwright/ssh_key";
        std::chrono::milliseconds timeout = std::chrono::minutes(15);
        std::chrono::milliseconds stall = std::chrono::seconds(30);
        int keep = 3;            ///< checkouts
        int least_rate = 1024;   ///< bytes a second; a server that gives less is left
        Url proxy{};             ///< "http://proxy:3128"; empty: none; may hold credentials
        std::string no_proxy{};  ///< hosts that are reached without it, separated by commas
        std::filesystem::path client_certificate{};
        std::filesystem::path client_key{};
        std::vector<Credential> credentials{};                          ///< the first whose host matches counts
        std::filesystem::path seed = "/usr/share/bootwright/seed.git";  ///< the last mirror; empty: none

        enum class Verify { none, tag, commit, both } verify = Verify::none;  ///< whose signature is asked for
        std::filesystem::path allowed_signers = "/etc/bootwright/allowed_signers";
        std::filesystem::path keyring = "/etc/bootwright/keyring.gpg";
        bool allow_rewritten_branches = false;
        std::string not_before{};  ///< a commit that a revision must descend from, or be; empty: any may run
        std::string configuration_not_before{};  ///< the same for the repository that `configuration` names
        std::vector<std::string> insecure{};     ///< hosts, or "host:port", of which names are followed without proof
        enum class MirrorOrder { listed, shuffled } mirror_order = MirrorOrder::listed;
        enum class Puppetfile { fetch, r10k, ignore } puppetfile = Puppetfile::fetch;
    } repository;

    struct Modules {
        std::vector<Url> mirrors{};  ///< which have archives of releases by their SHA-256
    } modules;

    /// An object store that is not Amazon's own, or keys that are not the instance's.
    struct S3 {
        Url endpoint{};                     ///< "https://minio.example.com:9000"; empty: Amazon's
        std::string region{};               ///< empty: the instance's
        std::filesystem::path keys_file{};  ///< {"access_key", "secret_key"}, mode 0600; empty: the instance's role
    } s3;

    Url secrets_endpoint{};  ///< "https://…", asked instead of the secret stores' public addresses

    struct Puppet {
        std::filesystem::path path{};  ///< empty: found in /opt/puppetlabs/bin, /usr/bin, /usr/local/bin
        std::string role_fact = "role";
        std::vector<std::string> modulepath{};  ///< folders of the image's whose modules may be used
        std::chrono::milliseconds timeout = std::chrono::hours(1);
        bool warm = true;  ///< loaded while metadata and repository are on their way
        std::chrono::milliseconds package_lock_timeout = std::chrono::minutes(10);  ///< 0: not waited for
        int nice = 0;
        ProcessLimits::IoClass io_class = ProcessLimits::IoClass::unchanged;
        MemorySize memory_high{};
        MemorySize memory_max{};
        int reboots = 3;  ///< in a row by the same configuration, after which it is not applied again; 0: no limit

        /// What decrypts the values of hiera-eyaml, in place of what hiera.yaml says.
        struct Eyaml {
            std::optional<SecretSource> private_key{};  ///< of PKCS7, as PEM
            std::optional<SecretSource> public_key{};   ///< its certificate, as PEM, which is no secret
            std::filesystem::path gpg_home{};           ///< GnuPG's folder with the secret key; empty: none
        } eyaml;
    } puppet;

    struct Retry {
        using ms = std::chrono::milliseconds;
        static constexpr RetryPolicy usual_platform{30, ms(250), ms(5000)};
        std::optional<RetryPolicy> platform{};  ///< nullopt: the platform's own
        RetryPolicy role{1, ms(1000), ms(10000)};
        RetryPolicy repository{5, ms(1000), ms(60000)};
        RetryPolicy puppet{3, ms(10000), ms(60000)};
        RetryPolicy run{0, ms(30000), ms(600000)};          ///< the daemon's, after a run that failed for now
        RetryPolicy permanent{0, ms(300000), ms(1800000)};  ///< the daemon's, after a run that somebody has to help
    } retry;

    int history_keep = 100;  ///< runs

    std::vector<std::string> fixed{};  ///< keys of the role config that no higher layer may change
    std::vector<std::string>
        allow_from_anywhere{};  ///< guarded keys (agent/role/keys/role_keys.hpp) that need no guard on this image

    /// The layers of role config defaults, lowest first. Each keeps its own text, so that errors name its lines.
    std::vector<JsonDocument> role_defaults{};
};

/// The one secret source, of one of `kinds`, that the object at `key` names. Returns nullopt if there is no such key.
/// @throws Error as the reader's own
std::optional<SecretSource> read_secret_source(ObjectReader& parent, const std::string& key,
                                               const std::vector<std::string>& kinds);

/// @throws Error config.invalid (permanent), naming file, line and key; io.*
AgentConfig read_agent_config(const System& system);

/// One layer of it. @throws Mistake config.invalid
JsonDocument parse_agent_config(std::string text, const std::string& origin);

/// What these layers say together, lowest first. @throws Error config.invalid
AgentConfig read_agent_config(const std::vector<JsonDocument>& layers);

}  // namespace bootwright
