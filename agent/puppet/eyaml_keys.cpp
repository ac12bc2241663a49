#include "agent/puppet/eyaml_keys.hpp"

#include "agent/servers/credentials.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/files/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr SecretFileErrors key_errors{.missing = "puppet.eyaml_key_missing",
                                      .exposed = "puppet.eyaml_key_exposed",
                                      .advice = "put the key there, mode 0600, or correct puppet.eyaml of agent.json"};

fs::path keys_folder(const System& system) { return system.runtime() / "eyaml"; }

/// A certificate is no secret: whoever can read its file learns nothing from it.
std::string read_public_key(const System& system, const AgentConfig& config, const IdentityFor& identity,
                            const std::stop_token& stop) {
    const SecretSource& source = *config.puppet.eyaml.public_key;
    if (source.kind != "file") {
        return read_secret_value(system, config, source, key_errors, identity, stop);
    }
    constexpr std::size_t largest = std::size_t{64} << 10U;
    const fs::path path = system.path(source.name);
    if (auto key = read_file_if_exists(path, largest)) {
        return std::move(*key);
    }
    throw permanent_error(key_errors.missing, "there is no " + path.string(), key_errors.advice);
}

/// The folder itself is passed on, since GnuPG writes there. @throws Error puppet.eyaml_key_missing, puppet.eyaml_key_exposed
fs::path gpg_home(const System& system, const fs::path& said) {
    const fs::path folder = system.path(said.string());
    struct stat status {};
    if (stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
        throw permanent_error(key_errors.missing, "there is no folder " + folder.string() + " of GnuPG's keys",
                              "put the keys there (`gpg --homedir`), or correct puppet.eyaml.gpg_home of agent.json");
    }
    const bool is_ours = status.st_uid == 0 || status.st_uid == geteuid();
    if (!is_ours || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        throw permanent_error(key_errors.exposed, "others may read or change the secret keys in " + folder.string(),
                              "chown -R root: " + folder.string() + " && chmod 700 " + folder.string() +
                                  ", and renew the keys if somebody may have read them");
    }
    return folder;
}

}  // namespace

EyamlKeys::EyamlKeys(const System& system, const AgentConfig& config, const IdentityFor& identity,
                     const std::stop_token& stop)
    : system_(system) {
    remove_eyaml_keys(system);
    const AgentConfig::Puppet::Eyaml& eyaml = config.puppet.eyaml;
    const auto hand_over = [&](const std::string& option, const std::string& key) {
        const fs::path file = keys_folder(system) / option;
        make_folder(keys_folder(system), 0700);
        write_file(file, key + "\n", 0400);
        options_[option] = file.string();
    };
    try {
        if (eyaml.private_key) {
            hand_over("pkcs7_private_key",
                      read_secret_value(system, config, *eyaml.private_key, key_errors, identity, stop));
        }
        if (eyaml.public_key) {
            hand_over("pkcs7_public_key", read_public_key(system, config, identity, stop));
        }
        if (!eyaml.gpg_home.empty()) {
            options_["gpg_gnupghome"] = gpg_home(system, eyaml.gpg_home).string();
        }
    } catch (...) {
        remove_eyaml_keys(system);
        throw;
    }
}

EyamlKeys::~EyamlKeys() {
    if (is_left_) {
        return;
    }
    try {
        remove_eyaml_keys(system_);
    } catch (const Error& error) {
        log(LogLevel::error, "keys of hiera-eyaml are left behind: " + error.message);
    }
}

void remove_eyaml_keys(const System& system) { remove_tree(keys_folder(system)); }

}  // namespace bootwright
