#include "agent/config/config.hpp"

#include "agent/config/agent_keys.hpp"
#include "agent/config/guards.hpp"
#include "common/base/text.hpp"
#include "common/documents/key_table.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <optional>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20U;

void read_layer(AgentConfig& config, const JsonDocument& document) {
    ObjectReader reader(document);
    read_table(agent_keys(), reader, "", [&](const AgentKey& key, ObjectReader& section, const std::string& word) {
        key.read(config, section, word);
    });
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
