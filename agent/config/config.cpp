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
    bool has_role_config = false;
    reader.attempt([&] { has_role_config = reader.object("role_config").has_value(); });
    reader.attempt([&] { reader.string(schema_key); });  // for editors
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

JsonDocument parse_agent_config(std::string text, const std::string& origin) {
    return JsonDocument::parse(std::move(text), origin, "config.invalid");
}

AgentConfig read_agent_config(const std::vector<JsonDocument>& layers) {
    AgentConfig config;
    const JsonDocument* fixing = nullptr;  // the layer whose list counts
    for (const JsonDocument& layer : layers) {
        read_layer(config, layer);
        fixing = layer.root.contains("fixed") ? &layer : fixing;
    }
    if (fixing != nullptr) {
        check_fixed(config, *fixing);
    }
    return config;
}

AgentConfig read_agent_config(const System& system) {
    std::vector<JsonDocument> layers;
    for (const fs::path& file : layer_files(system.configuration())) {
        if (auto text = read_file_if_exists(file, largest_file)) {
            layers.push_back(parse_agent_config(std::move(*text), file.string()));
        }
    }
    return read_agent_config(layers);
}

}  // namespace bootwright
