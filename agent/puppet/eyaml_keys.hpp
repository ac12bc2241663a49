#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/servers/secrets/secret_value.hpp"
#include "common/documents/json.hpp"

#include <stop_token>

namespace bootwright {

/// The keys of hiera-eyaml, where Puppet alone reads them: below /run, in a folder of root's. They go with this object
/// (docs/decisions/0021-eyaml-keys.md).
class EyamlKeys {
public:
    /// @throws Error puppet.eyaml_key_missing, puppet.eyaml_key_exposed (permanent), and as read_secret_value
    EyamlKeys(const System& system, const AgentConfig& config, const IdentityFor& identity,
              const std::stop_token& stop);
    EyamlKeys(const EyamlKeys&) = delete;
    EyamlKeys& operator=(const EyamlKeys&) = delete;
    ~EyamlKeys();

    /// What hiera-eyaml is to be told in place of hiera.yaml's words: {"pkcs7_private_key": "/run/…"}. Empty: nothing.
    [[nodiscard]] const Json& options() const { return options_; }

    /// Leaves the keys to a Puppet that goes on alone. The next run's remove_eyaml_keys() removes them.
    void leave() { is_left_ = true; }

private:
    const System& system_;
    Json options_ = Json::object();
    bool is_left_ = false;
};

/// Removes what a killed agent, or a Puppet that went on alone, has left. Call it when no Puppet is at work. @throws Error io.*
void remove_eyaml_keys(const System& system);

}  // namespace bootwright
