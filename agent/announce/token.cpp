#include "agent/announce/token.hpp"

#include "agent/servers/credentials.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

/// The source of the token that a layer of the image itself names for its receiver.
std::optional<SecretSource> token_of_layer(const JsonDocument& layer) {
    static const Json::json_pointer place("/role_config/announce/webhook/token_from");
    const Json found = layer.root.value(place, Json());
    for (const char* kind : {"file", "credential"}) {
        if (const std::string name = string_at(found, kind); !name.empty()) {
            return SecretSource{kind, name};
        }
    }
    return std::nullopt;
}

/// All that the image's configuration calls a secret of its own.
std::vector<SecretSource> secrets_of_image(const AgentConfig& config) {
    std::vector<SecretSource> all{{"credential", "bootwright.role_config"},
                                  {"file", config.role_file.string()},
                                  {"file", config.repository.ssh_key.string()},
                                  {"file", config.repository.client_key.string()},
                                  {"file", config.s3.keys_file.string()}};
    for (const Credential& credential : config.repository.credentials) {
        for (const auto& source : {credential.password, credential.ssh_key}) {
            if (source) {
                all.push_back(*source);
            }
        }
    }
    for (const auto& source : {config.puppet.eyaml.private_key, config.puppet.eyaml.public_key}) {
        if (source) {
            all.push_back(*source);
        }
    }
    for (const JsonDocument& layer : config.role_defaults) {
        if (const auto token = token_of_layer(layer)) {
            all.push_back(*token);
        }
    }
    return all;
}

bool is_same_file(const UniqueFd& file, const fs::path& path) {
    struct stat opened {};
    struct stat named {};
    return fstat(file.get(), &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

bool is_below(const fs::path& path, const fs::path& folder) {
    std::error_code error;
    const fs::path whole = fs::canonical(folder, error);
    return !error && std::mismatch(whole.begin(), whole.end(), path.begin(), path.end()).first == whole.end();
}

/// A second name for the same file may be anywhere, and does not say whose it is.
bool has_other_names(const UniqueFd& file) {
    struct stat status {};
    return fstat(file.get(), &status) != 0 || status.st_nlink != 1;
}

bool is_agents_own(const System& system, const AgentConfig& config, const UniqueFd& file) {
    std::error_code error;
    const fs::path path = fs::read_symlink("/proc/self/fd/" + std::to_string(file.get()), error);
    const auto is_inside = [&](const fs::path& folder) { return is_below(path, folder); };
    const std::vector<SecretSource> secrets = secrets_of_image(config);
    return error || has_other_names(file) || is_inside(system.state()) || is_inside(system.runtime()) ||
           is_inside(system.configuration() / "agent.d") || is_same_file(file, system.configuration() / "agent.json") ||
           std::any_of(secrets.begin(), secrets.end(), [&](const SecretSource& secret) {
               return secret.kind == "file" && !secret.name.empty() && is_same_file(file, system.path(secret.name));
           });
}

Error refused(const SecretSource& source) {
    return permanent_error("announce.token_refused",
                           "announce.webhook.token_from names the " + source.kind + " " + source.name +
                               ", which is a secret of the image's or of the agent's own, or has a second name",
                           "give the web hook a token of its own, in a file of its own, or name this one in "
                           "role_config.announce of /etc/bootwright/agent.json, beside the URL that it is for");
}

}  // namespace

void check_bearer(const std::string& token, const std::string& called) {
    if (token.empty() || !is_visible(token)) {
        throw permanent_error("announce.bad_token",
                              called + " is not one line of visible ASCII characters, as a token is",
                              "put the token there, alone, or correct announce.webhook of the role config");
    }
}

std::string read_token(const System& system, const AgentConfig& config, const SecretSource& source, Speaker said_by) {
    const auto judge = [&](const UniqueFd& file) {
        if (said_by != Speaker::image && is_agents_own(system, config, file)) {
            throw refused(source);
        }
    };
    const std::vector<SecretSource> secrets = secrets_of_image(config);
    const bool is_images_credential =
        source.kind == "credential" && std::any_of(secrets.begin(), secrets.end(), [&](const SecretSource& secret) {
            return secret.kind == source.kind && secret.name == source.name;
        });
    if (said_by != Speaker::image && is_images_credential) {
        throw refused(source);
    }
    std::string token = read_local_secret(system, source, judge).value_or("");
    check_bearer(token, "the " + source.kind + " " + source.name);
    return token;
}

}  // namespace bootwright
