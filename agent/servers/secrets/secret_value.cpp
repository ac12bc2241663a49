#include "agent/servers/secrets/secret_value.hpp"

#include "agent/servers/exchange.hpp"
#include "agent/servers/secrets/secret_store.hpp"
#include "common/base/error.hpp"

#include <chrono>
#include <utility>

namespace bootwright {

std::string read_secret_value(const System& system, const AgentConfig& config, const SecretSource& source,
                              const SecretFileErrors& errors, const IdentityFor& identity, std::stop_token stop) {
    const SecretStore* store = find_secret_store(source.kind);
    if (store == nullptr) {
        return read_local_secret(system, source, {}, errors).value_or("");
    }
    const WebRequest request =
        secret_request(*store, source.name, identity(CloudService::secret_store), config.secrets_endpoint);
    const Error too_late = transient_error(
        "repository.secret_unavailable",
        std::string(store->called) + ", secret " + source.name + ": no complete answer within half a minute",
        "nothing to do if it passes: the agent tries again; else check the way to the store");
    return read_secret(*store, source.name,
                       exchange(system, config, system.state() / "download", request, std::chrono::seconds(30),
                                too_late, std::move(stop)));
}

}  // namespace bootwright
