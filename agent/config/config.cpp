#include "agent/config/config.hpp"

#include "agent/config/role_keys.hpp"
#include "common/base/registered.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20U;

template <typename Value>
void assign(Value& target, const std::optional<Value>& value) {
    if (value) {
        target = *value;
    }
}

void assign_path(fs::path& target, ObjectReader& reader, const std::string& key) {
    const auto value = reader.string(key);
    if (value && !value->empty() && !value->starts_with('/')) {
        throw reader.error(key, "expected an absolute path", "begin it with /");
    }
    if (value) {
        target = *value;
    }
}

void assign_positive(std::chrono::milliseconds& target, ObjectReader& reader, const std::string& key) {
    const auto value = reader.duration(key);
    assign(target, value);
    if (value && value->count() <= 0) {
        throw reader.error(key, "must be longer than nothing", R"(write a duration such as "30s")");
    }
}

void read_policy(RetryPolicy& policy, ObjectReader& parent, const std::string& key, bool has_attempts) {
    auto reader = parent.object(key);
    if (!reader) {
        return;
    }
    if (has_attempts) {
        assign(policy.attempts, reader->integer("attempts", 1, 1000));
    }
    assign_positive(policy.base, *reader, "base");
    assign_positive(policy.cap, *reader, "cap");
    reader->finish();
}

/// One of several words; `names` in the order of the enumeration.
template <typename Choice>
void assign_choice(Choice& target, ObjectReader& reader, const std::string& key,
                   const std::vector<std::string>& names) {
    const auto value = reader.string(key);
    if (!value) {
        return;
    }
    const auto found = std::find(names.begin(), names.end(), *value);
    if (found == names.end()) {
        throw reader.error(key, "not one of its words", "write one of " + joined(names, ", "));
    }
    target = static_cast<Choice>(found - names.begin());
}

/// "https://HOST[:PORT]". Returns nullopt if there is more in it or less.
std::optional<Url> server_address(std::string_view text, const std::vector<std::string>& schemes) {
    const auto url = Url::parse(text);
    const bool is_server =
        url && url->target() == "/" && std::find(schemes.begin(), schemes.end(), url->scheme()) != schemes.end();
    return is_server ? url : std::nullopt;
}

void assign_endpoint(Url& target, ObjectReader& reader, const std::string& key,
                     const std::vector<std::string>& schemes) {
    const auto value = reader.string(key);
    if (!value) {
        return;
    }
    const auto address = value->empty() ? std::optional(Url()) : server_address(*value, schemes);
    if (!address || address->has_credentials()) {
        throw reader.error(
            key, "not the address of a server",
            "write " + joined(schemes, " or ") + ", :// and a host, without a path and without credentials");
    }
    target = address->server();
}

void assign_proxy(Url& target, ObjectReader& reader) {
    const auto value = reader.string("proxy");
    if (!value) {
        return;
    }
    const auto address = value->empty() ? std::optional(Url()) : server_address(*value, {"http", "https"});
    if (!address) {
        throw reader.error("proxy",
                           "not the address of a proxy: " + Url::why_refused(*value).value_or("there is more in it"),
                           "write it like http://proxy.example.com:3128");
    }
    target = *address;
}

void assign_commit(std::string& target, ObjectReader& reader, const std::string& key) {
    const auto value = reader.string(key);
    if (value && !value->empty() && !is_commit_id(*value)) {
        throw reader.error(key, "not a full commit id", "write all 40 hexadecimal digits (`git rev-parse REVISION`)");
    }
    assign(target, value);
}

void read_insecure(std::vector<std::string>& hosts, ObjectReader& reader) {
    const auto listed = reader.strings("insecure");
    if (!listed) {
        return;
    }
    hosts.clear();
    for (const std::string& host : *listed) {
        const auto address = server_address("https://" + host, {"https"});
        if (!address || address->has_credentials()) {
            throw reader.error("insecure", "expected hosts",
                               R"(write them like ["git.example.com", "git.example.com:8080"], without http://)");
        }
        hosts.push_back(lower(host));
    }
}

/// The keys of a secret's source.
std::vector<std::string> secret_kinds() {
    std::vector<std::string> kinds{"credential", "file"};
    for (const SecretKind* kind : Registered<SecretKind>::all()) {
        kinds.emplace_back(kind->name);
    }
    std::sort(kinds.begin(), kinds.end());
    return kinds;
}

Credential read_credential(ObjectReader reader) {
    Credential credential{.host = lower(reader.string("host").value_or("")),
                          .user = reader.string("user").value_or(""),
                          .password = read_secret_source(reader, "from", secret_kinds()),
                          .ssh_key = read_secret_source(reader, "ssh_key_from", secret_kinds())};
    reader.finish();
    const std::string example = R"(write a host such as "git.example.com" or "git.example.com:8443", without https://)";
    const auto server = server_address("https://" + credential.host, {"https"});
    if (!server || server->has_credentials()) {
        throw reader.error("host", "expected a host", example);
    }
    if (credential.password.has_value() == credential.ssh_key.has_value()) {
        throw reader.error("from", "expected one of `from` and `ssh_key_from`",
                           "say where the password or token is kept, or where the ssh key is");
    }
    if (credential.user.empty() == credential.password.has_value()) {
        throw reader.error("user", "a user belongs to `from`, and only to it",
                           R"(for a token most hosts take any name: "x-access-token", "oauth2", "git")");
    }
    return credential;
}

void read_credentials(std::vector<Credential>& credentials, ObjectReader& reader) {
    const auto entries = reader.objects("credentials");
    if (!entries) {
        return;
    }
    credentials.clear();
    for (const ObjectReader& entry : *entries) {
        credentials.push_back(read_credential(entry));
    }
}

void read_repository(AgentConfig::Repository& repository, ObjectReader reader) {
    assign(repository.allow_branches_and_tags, reader.boolean("allow_branches_and_tags"));
    assign_path(repository.ca_file, reader, "ca_file");
    assign_path(repository.known_hosts, reader, "known_hosts");
    assign_path(repository.ssh_key, reader, "ssh_key");
    assign_positive(repository.timeout, reader, "timeout");
    assign_positive(repository.stall, reader, "stall");
    assign(repository.keep, reader.integer("keep", 1, 1000));
    assign(repository.least_rate, reader.integer("least_rate", 1, 1'000'000'000));
    assign_proxy(repository.proxy, reader);
    assign(repository.no_proxy, reader.string("no_proxy"));
    assign_path(repository.client_certificate, reader, "client_certificate");
    assign_path(repository.client_key, reader, "client_key");
    read_credentials(repository.credentials, reader);
    assign_path(repository.seed, reader, "seed");
    assign_choice(repository.verify, reader, "verify", {"none", "tag", "commit", "both"});
    assign_path(repository.allowed_signers, reader, "allowed_signers");
    assign_path(repository.keyring, reader, "keyring");
    assign(repository.allow_rewritten_branches, reader.boolean("allow_rewritten_branches"));
    assign_commit(repository.not_before, reader, "not_before");
    assign_commit(repository.configuration_not_before, reader, "configuration_not_before");
    read_insecure(repository.insecure, reader);
    assign_choice(repository.mirror_order, reader, "mirror_order", {"listed", "shuffled"});
    assign_choice(repository.puppetfile, reader, "puppetfile", {"fetch", "r10k", "ignore"});
    reader.finish();
}

void read_s3(AgentConfig::S3& s3, ObjectReader reader) {
    assign_endpoint(s3.endpoint, reader, "endpoint", {"https", "http"});
    assign(s3.region, reader.string("region"));
    assign_path(s3.keys_file, reader, "keys_file");
    reader.finish();
}

/// "512M", "2G", "25%", or a number of bytes as text.
std::optional<MemorySize> memory_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    constexpr std::string_view units = "KMGT";
    constexpr unsigned bits_a_unit = 10;
    constexpr std::uint64_t most = std::uint64_t{1} << 50U;
    if (error != std::errc() || number == 0 || number > most) {
        return std::nullopt;
    }
    if (unit == "%") {
        constexpr std::uint64_t whole = 100;
        return number <= whole ? std::optional(MemorySize{.percent = static_cast<int>(number)}) : std::nullopt;
    }
    const std::size_t power = unit.size() == 1 ? units.find(unit.front()) : std::string_view::npos;
    if (!unit.empty() && power == std::string_view::npos) {
        return std::nullopt;
    }
    const std::uint64_t factor =
        unit.empty() ? 1 : std::uint64_t{1} << (bits_a_unit * static_cast<unsigned>(power + 1));
    return number <= most / factor ? std::optional(MemorySize{.bytes = number * factor}) : std::nullopt;
}

void assign_memory(MemorySize& target, ObjectReader& reader, const std::string& key) {
    const auto text = reader.string(key);
    if (!text) {
        return;
    }
    constexpr std::uint64_t least = std::uint64_t{64} << 20U;  // Puppet alone takes more
    const auto size = text->empty() ? MemorySize{} : memory_size(*text);
    if (!size) {
        throw reader.error(key, "not an amount of memory", R"(write "512M", "2G", a number of bytes, or "25%")");
    }
    if (!text->empty() && size->percent == 0 && size->bytes < least) {
        throw reader.error(key, "less than Puppet needs", "write 64M at least");
    }
    target = *size;
}

void read_puppet(AgentConfig::Puppet& puppet, ObjectReader reader) {
    assign_path(puppet.path, reader, "path");
    assign(puppet.role_fact, reader.string("role_fact"));
    if (!is_name(puppet.role_fact)) {
        throw reader.error("role_fact", "not a name that Puppet allows for a fact", "write [a-z][a-z0-9_]*");
    }
    assign_positive(puppet.timeout, reader, "timeout");
    assign(puppet.warm, reader.boolean("warm"));
    assign(puppet.package_lock_timeout, reader.duration("package_lock_timeout"));
    assign(puppet.nice, reader.integer("nice", -20, 19));
    assign_choice(puppet.io_class, reader, "io_class", {"unchanged", "best-effort", "idle"});
    assign_memory(puppet.memory_high, reader, "memory_high");
    assign_memory(puppet.memory_max, reader, "memory_max");
    assign(puppet.reboots, reader.integer("reboots", 0, 1000));
    reader.finish();
}

void read_retry(AgentConfig::Retry& retry, ObjectReader reader) {
    if (reader.object("platform")) {
        RetryPolicy policy = retry.platform.value_or(AgentConfig::Retry::usual_platform);
        read_policy(policy, reader, "platform", true);
        retry.platform = policy;
    }
    read_policy(retry.role, reader, "role", true);
    read_policy(retry.repository, reader, "repository", true);
    read_policy(retry.puppet, reader, "puppet", true);
    read_policy(retry.run, reader, "run", false);
    read_policy(retry.permanent, reader, "permanent", false);
    reader.finish();
}

void read_layer(AgentConfig& config, const JsonDocument& document) {
    ObjectReader reader(document);
    assign(config.platform, reader.string("platform"));
    if (auto ec2 = reader.object("ec2")) {
        assign(config.allow_imdsv1, ec2->boolean("allow_imdsv1"));
        ec2->finish();
    }
    if (auto metadata = reader.object("metadata")) {
        assign_positive(config.metadata_timeout, *metadata, "timeout");
        assign(config.metadata_watch, metadata->duration("watch"));
        metadata->finish();
    }
    if (auto file = reader.object("file")) {
        assign_path(config.role_file, *file, "path");
        file->finish();
    }
    if (auto repository = reader.object("repository")) {
        read_repository(config.repository, *repository);
    }
    if (auto s3 = reader.object("s3")) {
        read_s3(config.s3, *s3);
    }
    if (auto secrets = reader.object("secrets")) {
        assign_endpoint(config.secrets_endpoint, *secrets, "endpoint", {"https"});
        secrets->finish();
    }
    if (auto puppet = reader.object("puppet")) {
        read_puppet(config.puppet, *puppet);
    }
    if (auto retry = reader.object("retry")) {
        read_retry(config.retry, *retry);
    }
    if (auto history = reader.object("history")) {
        assign(config.history_keep, history->integer("keep", 1, 100000));
        history->finish();
    }
    read_key_lists(config, reader, document);
    const bool has_role_config = reader.object("role_config").has_value();
    reader.finish();
    if (has_role_config) {
        config.role_defaults.push_back(document);
    }
}

std::vector<fs::path> layer_files(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder / "agent.d", error)) {
        if (entry.path().extension() == ".json") {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    files.insert(files.begin(), folder / "agent.json");
    return files;
}

}  // namespace

std::optional<SecretSource> read_secret_source(ObjectReader& parent, const std::string& key,
                                               const std::vector<std::string>& kinds) {
    auto reader = parent.object(key);
    if (!reader) {
        return std::nullopt;
    }
    std::vector<SecretSource> sources;
    for (const std::string& kind : kinds) {
        if (const auto name = reader->string(kind)) {
            sources.push_back({kind, *name});
        }
    }
    reader->finish();
    if (sources.size() != 1 || sources.front().name.empty()) {
        throw parent.error(key, "expected exactly one place of a secret", "name it by one of " + joined(kinds, ", "));
    }
    const auto& [kind, name] = sources.front();
    if (kind == "file" && !name.starts_with('/')) {
        throw reader->error(kind, "expected an absolute path", "begin it with /");
    }
    if (kind == "credential" && (name.find('/') != std::string::npos || name.starts_with('.'))) {
        throw reader->error(kind, "expected the name of a systemd credential", "write the NAME of LoadCredential=");
    }
    return sources.front();
}

AgentConfig read_agent_config(const System& system) {
    AgentConfig config;
    std::optional<JsonDocument> fixing;  // the file whose list counts
    for (const fs::path& file : layer_files(system.configuration())) {
        if (auto text = read_file_if_exists(file, largest_file)) {
            const JsonDocument document = JsonDocument::parse(std::move(*text), file.string(), "config.invalid");
            read_layer(config, document);
            fixing = document.root.contains("fixed") ? document : fixing;
        }
    }
    if (fixing) {
        check_fixed(config, *fixing);
    }
    return config;
}

}  // namespace bootwright
