#include "agent/commands/support/known_secrets.hpp"

#include "agent/record/kept_instance.hpp"
#include "agent/role/role_layers.hpp"
#include "agent/role/shown_role.hpp"
#include "agent/servers/credentials.hpp"
#include "common/base/error.hpp"

namespace bootwright {

Redactor known_secrets(const System& system, const AgentConfig& config) {
    Redactor redactor;
    try {
        if (const auto kept = read_kept_instance(system)) {
            redactor = secrets_of(read_role_config(config, kept->metadata));
        }
    } catch (const Error&) {  // no role config that anybody could read
        redactor = Redactor();
    }
    redactor.add_url(config.repository.proxy);
    for (const Credential& credential : config.repository.credentials) {
        for (const auto& source : {credential.password, credential.ssh_key}) {
            try {
                redactor.add(source ? read_local_secret(system, *source).value_or("") : "");
            } catch (const Error&) {  // the doctor says why
                continue;
            }
        }
    }
    return redactor;
}

}  // namespace bootwright
