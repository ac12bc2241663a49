#include "agent/config/agent_keys.hpp"

#include "agent/config/value_types.hpp"
#include "common/documents/duration.hpp"
#include "common/documents/key_table.hpp"
#include "common/documents/schema_text.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

namespace bootwright {

namespace {

using std::filesystem::path;
using Repository = AgentConfig::Repository;
using Puppet = AgentConfig::Puppet;
using Retry = AgentConfig::Retry;
using Text = std::string_view;

// One function for each type of value. `At` says where the value is.

/// @param read as those of value_types.hpp @param write Json of the value
template <typename At, typename Read, typename Write>
AgentKey key(const std::string& name, const std::string& schema, At at, Read read, Write write, Text meaning,
             Text otherwise = "") {
    return {.name = name,
            .schema = schema,
            .read = [at, read](AgentConfig& config, ObjectReader& section,
                               const std::string& word) { read(at(config), section, word); },
            .value = [at, write](const AgentConfig& config) { return Json(write(at(config))); },
            .meaning = meaning,
            .otherwise = otherwise};
}

template <typename At>
AgentKey text(const std::string& name, At at, Text meaning, Text otherwise = "") {
    const auto read = [](std::string& target, ObjectReader& section, const std::string& word) {
        target = section.string(word).value_or(target);
    };
    return key(
        name, text_schema(), at, read, [](const std::string& value) { return value; }, meaning, otherwise);
}

template <typename At>
AgentKey flag(const std::string& name, At at, Text meaning) {
    const auto read = [](bool& target, ObjectReader& section, const std::string& word) {
        target = section.boolean(word).value_or(target);
    };
    return key(
        name, flag_schema(), at, read, [](bool value) { return value; }, meaning);
}

template <typename At>
AgentKey number(const std::string& name, At at, int lowest, int highest, Text meaning) {
    const auto read = [lowest, highest](int& target, ObjectReader& section, const std::string& word) {
        target = section.integer(word, lowest, highest).value_or(target);
    };
    return key(
        name, number_schema(lowest, highest), at, read, [](int value) { return value; }, meaning);
}

template <typename At>
AgentKey duration(const std::string& name, At at, Text meaning) {
    const auto read = [](std::chrono::milliseconds& target, ObjectReader& section, const std::string& word) {
        target = section.duration(word).value_or(target);
    };
    return key(name, duration_schema(), at, read, written, meaning);
}

/// A duration longer than zero.
template <typename At>
AgentKey wait(const std::string& name, At at, Text meaning) {
    const auto read = [](std::chrono::milliseconds& target, ObjectReader& section, const std::string& word) {
        target = section.positive_duration(word).value_or(target);
    };
    return key(name, duration_schema(), at, read, written, meaning);
}

template <typename At>
AgentKey file(const std::string& name, At at, Text meaning, Text otherwise = "") {
    return key(
        name, text_schema("^(/.*)?$"), at, read_path, [](const path& value) { return value.string(); }, meaning,
        otherwise);
}

template <typename At>
AgentKey server(const std::string& name, At at, const std::vector<std::string>& schemes, Text meaning, Text otherwise) {
    const auto read = [schemes](Url& target, ObjectReader& section, const std::string& word) {
        read_endpoint(target, section, word, schemes);
    };
    return key(
        name, text_schema(), at, read, [](const Url& value) { return value.shown(); }, meaning, otherwise);
}

template <typename At>
AgentKey commit(const std::string& name, At at, Text meaning) {
    return key(
        name, text_schema("^([0-9a-f]{40})?$"), at, read_commit, [](const std::string& value) { return value; },
        meaning, "none");
}

template <typename At>
AgentKey memory(const std::string& name, At at, Text meaning) {
    const auto write = [](const MemorySize& size) {
        return size.percent > 0 ? std::to_string(size.percent) + "%" : size.bytes > 0 ? std::to_string(size.bytes) : "";
    };
    return key(name, text_schema("^([0-9]+[KMGT%]?)?$"), at, read_memory, write, meaning, "none");
}

/// @param words in the order of the enumeration
template <typename At>
AgentKey choice(const std::string& name, At at, const std::vector<std::string>& words, Text meaning) {
    const auto read = [words](auto& target, ObjectReader& section, const std::string& word) {
        if (const auto chosen = section.choice(word, words)) {
            target = static_cast<std::decay_t<decltype(target)>>(*chosen);
        }
    };
    return key(
        name, choice_schema(words), at, read, [words](auto value) { return words.at(static_cast<std::size_t>(value)); },
        meaning);
}

/// Where a secret is, never the secret itself.
template <typename At>
AgentKey secret(const std::string& name, At at, Text meaning) {
    const auto write = [](const std::optional<SecretSource>& source) {
        return source ? Json{{source->kind, source->name}} : Json::object();
    };
    return key(name, secret_place_schema(), at, read_secret_place, write, meaning, "none");
}

std::string strings_schema() { return list_schema(text_schema()); }

/// A key that read_agent_config reads by itself.
AgentKey apart(const std::string& name, const std::string& schema, Text meaning, Text otherwise) {
    return {.name = name, .schema = schema, .read = {}, .value = {}, .meaning = meaning, .otherwise = otherwise};
}

/// How often something is tried, and with which delays. @param policy where that is in the configuration
template <typename At>
std::vector<AgentKey> policy_keys(const std::string& section, At policy, Text meaning) {
    return {number(
                section + ".attempts", [policy](auto& config) -> auto& { return policy(config).attempts; }, 1, 1000,
                meaning),
            wait(
                section + ".base", [policy](auto& config) -> auto& { return policy(config).base; }, "the first delay"),
            wait(
                section + ".cap", [policy](auto& config) -> auto& { return policy(config).cap; }, "the longest delay")};
}

/// The same for what is retried for ever: without the attempts.
template <typename At>
std::vector<AgentKey> delay_keys(const std::string& section, At policy, Text meaning) {
    std::vector<AgentKey> keys = policy_keys(section, policy, "");
    keys.erase(keys.begin());
    keys.front().meaning = meaning;
    return keys;
}

/// A configuration with the platform's policy in place of the role stage's.
AgentConfig with_platform_policy(const AgentConfig& config) {
    AgentConfig said;
    said.retry.role = config.retry.platform.value_or(Retry::usual_platform);
    return said;
}

/// The platform stage has no policy until somebody sets one: the platform's own counts.
std::vector<AgentKey> platform_policy_keys(Text meaning) {
    std::vector<AgentKey> keys = policy_keys("retry.platform", at(&AgentConfig::retry, &Retry::role), meaning);
    for (AgentKey& key : keys) {
        key.read = [read = key.read](AgentConfig& config, ObjectReader& section, const std::string& word) {
            AgentConfig said = with_platform_policy(config);
            read(said, section, word);
            if (section.json().contains(word)) {
                config.retry.platform = said.retry.role;
            }
        };
        key.value = [value = key.value](const AgentConfig& config) { return value(with_platform_policy(config)); };
        key.otherwise = "[the platform's own](platforms.md)";
    }
    return keys;
}

void append(std::vector<AgentKey>& keys, std::vector<AgentKey> more) {
    std::move(more.begin(), more.end(), std::back_inserter(keys));
}

std::vector<AgentKey> machine_keys() {
    return {
        text("platform", at(&AgentConfig::platform),
             "or the name of [one](platforms.md). `bootwright.platform=NAME` on the kernel command line wins"),
        wait("metadata.timeout", at(&AgentConfig::metadata_timeout), "for one request to the metadata service"),
        duration(
            "metadata.watch", at(&AgentConfig::metadata_watch),
            "how often the daemon looks whether the role config has changed, give or take a quarter; `\"0s\"`: never"),
        flag("ec2.allow_imdsv1", at(&AgentConfig::allow_imdsv1),
             "speak IMDSv1 where the token endpoint answers 404 or 405"),
        file("file.path", at(&AgentConfig::role_file), "the role config of the platform `file`"),
    };
}

std::vector<AgentKey> repository_keys() {
    const auto of = [](auto member) { return at(&AgentConfig::repository, member); };
    return {
        flag("repository.allow_branches_and_tags", of(&Repository::allow_branches_and_tags),
             "whether a role config may pin a name; else only full commit ids count"),
        file("repository.ca_file", of(&Repository::ca_file), "PEM certificates for https", "the system's"),
        file("repository.ssh_key", of(&Repository::ssh_key), "private key, mode 0600, no passphrase, ed25519"),
        file("repository.known_hosts", of(&Repository::known_hosts), "the only host keys that are believed"),
        wait("repository.timeout", of(&Repository::timeout), "after which a fetch ends"),
        wait("repository.stall", of(&Repository::stall), "without progress, after which a fetch ends"),
        number("repository.keep", of(&Repository::keep), 1, 1000, "checkouts on disk; the last good one stays besides"),
        number("repository.least_rate", of(&Repository::least_rate), 1, 1'000'000'000,
               "bytes a second; a server that gives less is left for the next mirror"),
        key(
            "repository.credentials", credentials_schema(), of(&Repository::credentials), read_credentials,
            [](const std::vector<Credential>&) { return Json::array(); },
            "[passwords, tokens and ssh keys](#credentials), by host"),
        file("repository.client_certificate", of(&Repository::client_certificate),
             "a PEM file that is shown to servers that ask for one", "none"),
        file("repository.client_key", of(&Repository::client_key), "its key: root's, mode 0600", "none"),
        key(
            "repository.proxy", text_schema(), of(&Repository::proxy), read_proxy,
            [](const Url& value) { return value.shown(); }, "`\"http://proxy.example.com:3128\"`", "none"),
        text("repository.no_proxy", of(&Repository::no_proxy), "hosts that are asked without it, separated by commas",
             "none"),
        choice("repository.mirror_order", of(&Repository::mirror_order), {"listed", "shuffled"},
               "or `\"shuffled\"`: in another order on each instance"),
        file("repository.seed", of(&Repository::seed), "the last mirror, a bare repository in the image; `\"\"`: none"),
        choice("repository.verify", of(&Repository::verify), {"none", "tag", "commit", "both"},
               "whose signature must be good: `\"tag\"`, `\"commit\"` or `\"both\"`"),
        file("repository.allowed_signers", of(&Repository::allowed_signers),
             "the keys of ssh that count (`ssh-keygen(1)`)"),
        file("repository.keyring", of(&Repository::keyring), "the keys of OpenPGP that count (`gpgv(1)`)"),
        flag("repository.allow_rewritten_branches", of(&Repository::allow_rewritten_branches),
             "whether a branch may move to a commit that does not descend from the last one"),
        commit("repository.not_before", of(&Repository::not_before),
               "a full commit id: [nothing runs](repository.md#proof) that does not descend from it, or is it. For the "
               "control repository"),
        commit("repository.configuration_not_before", of(&Repository::configuration_not_before),
               "the same for the repository that `configuration` names"),
        key(
            "repository.insecure", strings_schema(), of(&Repository::insecure), read_hosts,
            [](const std::vector<std::string>& value) { return value; },
            "hosts (`\"git.example.com\"`, `\"git.example.com:8080\"`) from which a branch or tag is followed over "
            "http or git, though nothing proves who answers"),
        choice("repository.puppetfile", of(&Repository::puppetfile), {"fetch", "r10k", "ignore"},
               "`\"r10k\"` has it installed by r10k; `\"ignore\"` leaves it"),
    };
}

std::vector<AgentKey> store_keys() {
    using S3 = AgentConfig::S3;
    const auto shown = [](const std::vector<Url>& urls) {
        Json list = Json::array();
        for (const Url& url : urls) {
            list.push_back(url.shown());
        }
        return list;
    };
    return {
        key("modules.mirrors", strings_schema(), at(&AgentConfig::modules, &AgentConfig::Modules::mirrors),
            read_file_places, shown,
            "[folders with releases](repository.md#mirrors-of-releases) of the Forge, asked before the Forge: "
            "`\"https://…\"`, `\"file:///…\"`, `\"s3://…\"`, `\"gs://…\"`, `\"az://…\"`"),
        server("s3.endpoint", at(&AgentConfig::s3, &S3::endpoint), {"https", "http"},
               "an S3-compatible server (MinIO, Ceph, Swift), asked by path: `\"https://minio.example.com:9000\"`",
               "Amazon's"),
        text("s3.region", at(&AgentConfig::s3, &S3::region), "at an endpoint: `us-east-1`", "the instance's"),
        file("s3.keys_file", at(&AgentConfig::s3, &S3::keys_file),
             "a file, mode 0600: `{\"access_key\": \"…\", \"secret_key\": \"…\"}`", "the instance's role"),
        server("secrets.endpoint", at(&AgentConfig::secrets_endpoint), {"https"},
               "a private endpoint, `\"https://…\"`, that is asked instead of the secret stores' public addresses",
               "the store's own"),
    };
}

std::vector<AgentKey> puppet_keys() {
    const auto of = [](auto member) { return at(&AgentConfig::puppet, member); };
    return {
        file("puppet.path", of(&Puppet::path), "the program",
             "found in `/opt/puppetlabs/bin`, `/usr/bin`, `/usr/local/bin`"),
        key(
            "puppet.role_fact", text_schema("^[a-z][a-z0-9_]*$"), of(&Puppet::role_fact), read_fact_name,
            [](const std::string& value) { return value; }, "the name of the fact that carries the role"),
        key(
            "puppet.modulepath", list_schema(text_schema("^/")), of(&Puppet::modulepath), read_folders,
            [](const std::vector<std::string>& value) { return value; },
            "folders of the image whose modules the code may use besides its own; else [none of the image's "
            "count](puppet.md#environmentconf)"),
        wait("puppet.timeout", of(&Puppet::timeout), "for one `puppet apply`"),
        flag("puppet.warm", of(&Puppet::warm),
             "Puppet is [loaded ahead](puppet.md#loaded-ahead), while metadata and repository are on their way"),
        duration("puppet.package_lock_timeout", of(&Puppet::package_lock_timeout),
                 "for [the locks of dpkg and apt](puppet.md#dpkg-and-apt); `\"0s\"`: they are not waited for"),
        number("puppet.nice", of(&Puppet::nice), -20, 19,
               "for Puppet and what it starts (not for services: systemd starts those)"),
        choice("puppet.io_class", of(&Puppet::io_class), {"unchanged", "best-effort", "idle"},
               "or `\"best-effort\"`, at its lowest priority, or `\"idle\"`"),
        memory("puppet.memory_high", of(&Puppet::memory_high),
               "`\"512M\"`, `\"2G\"`, `\"25%\"`: where Puppet and what it starts is slowed down. Needs the service, "
               "and control groups of version 2; else a warning says that it does not hold"),
        memory("puppet.memory_max", of(&Puppet::memory_max), "likewise: where the kernel kills"),
        number(
            "puppet.reboots", of(&Puppet::reboots), 0, 1000,
            "in a row [out of the same configuration](decisions/0014-reboots.md), after which it is not applied again; "
            "`0`: any number"),
        secret(
            "puppet.eyaml.private_key", [](auto& config) -> auto& { return config.puppet.eyaml.private_key; },
            "[what decrypts values of hiera-eyaml](puppet.md#encrypted-data), in one of [these places](#credentials)"),
        secret(
            "puppet.eyaml.public_key", [](auto& config) -> auto& { return config.puppet.eyaml.public_key; },
            "its certificate, likewise; it is no secret, so everybody may read its file"),
        file(
            "puppet.eyaml.gpg_home", [](auto& config) -> auto& { return config.puppet.eyaml.gpg_home; },
            "GnuPG's folder with a secret key for hiera-eyaml-gpg: root's, mode 0700", "none"),
    };
}

std::vector<AgentKey> retry_keys() {
    const auto of = [](auto member) { return at(&AgentConfig::retry, member); };
    std::vector<AgentKey> keys = platform_policy_keys("of the platform stage; 5 where a kept role config is at hand");
    append(keys, policy_keys("retry.role", of(&Retry::role), "of the role stage"));
    append(keys, policy_keys("retry.repository", of(&Retry::repository), "of the repository stage"));
    append(keys, policy_keys("retry.puppet", of(&Retry::puppet), "of the Puppet stage"));
    append(keys, delay_keys("retry.run", of(&Retry::run), "the daemon's first delay after a run that failed for now"));
    append(keys, delay_keys("retry.permanent", of(&Retry::permanent),
                            "the same after an error that somebody has to mend; never sooner"));
    return keys;
}

std::vector<AgentKey> other_keys() {
    return {
        number("history.keep", at(&AgentConfig::history_keep), 1, 100000,
               "runs whose record stays; what Puppet said in the oldest of them goes beyond 64 MiB"),
        apart("fixed", strings_schema(),
              "keys of the role config that [no higher layer may change](#what-no-layer-may-change)", "`[]`"),
        apart("allow_from_anywhere", strings_schema(),
              "[guarded](role-config.md#who-may-say-what) keys that may come from user-data and tags all the same",
              "`[]`"),
        apart(
            "role_config", object_schema({}),
            "defaults for every [role config](role-config.md), any part of one: [`health`](role-config.md#health) and "
            "[`announce`](role-config.md#announce), for instance",
            "nothing"),
    };
}

}  // namespace

const std::vector<AgentKey>& agent_keys() {
    static const std::vector<AgentKey> keys = [] {
        std::vector<AgentKey> all = machine_keys();
        for (auto* more : {repository_keys, store_keys, puppet_keys, retry_keys, other_keys}) {
            append(all, more());
        }
        return all;
    }();
    return keys;
}

}  // namespace bootwright
