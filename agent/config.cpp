#include "agent/config.hpp"

#include "common/file.hpp"
#include "common/text.hpp"

#include <algorithm>
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

void read_repository(AgentConfig::Repository& repository, ObjectReader reader) {
    assign(repository.allow_branches_and_tags, reader.boolean("allow_branches_and_tags"));
    assign_path(repository.ca_file, reader, "ca_file");
    assign_path(repository.known_hosts, reader, "known_hosts");
    assign_path(repository.ssh_key, reader, "ssh_key");
    assign_positive(repository.timeout, reader, "timeout");
    assign_positive(repository.stall, reader, "stall");
    assign(repository.keep, reader.integer("keep", 1, 1000));
    reader.finish();
}

void read_puppet(AgentConfig::Puppet& puppet, ObjectReader reader) {
    assign_path(puppet.path, reader, "path");
    assign(puppet.role_fact, reader.string("role_fact"));
    if (!is_name(puppet.role_fact)) {
        throw reader.error("role_fact", "not a name that Puppet allows for a fact", "write [a-z][a-z0-9_]*");
    }
    assign_positive(puppet.timeout, reader, "timeout");
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

AgentConfig read_agent_config(const System& system) {
    AgentConfig config;
    for (const fs::path& file : layer_files(system.configuration())) {
        if (auto text = read_file_if_exists(file, largest_file)) {
            read_layer(config, JsonDocument::parse(std::move(*text), file.string(), "config.invalid"));
        }
    }
    return config;
}

}  // namespace bootwright
