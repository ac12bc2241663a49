#include "agent/repository/ready_credentials.hpp"

#include "agent/servers/credentials.hpp"
#include "common/base/error.hpp"

#include <optional>
#include <string>

namespace bootwright {

namespace {

ReadyCredential ready_credential(const System& system, const Credential& credential) {
    ReadyCredential ready{.credential = credential};
    const auto read = [&](const std::optional<SecretSource>& source) {
        return source ? read_local_secret(system, *source) : std::nullopt;
    };
    try {
        ready.password = read(credential.password);
        ready.ssh_key = read(credential.ssh_key);
    } catch (const Error& error) {
        ready.problem = error;
    }
    return ready;
}

}  // namespace

std::vector<ReadyCredential> ready_credentials(const System& system, const std::vector<Credential>& credentials) {
    std::vector<ReadyCredential> ready;
    ready.reserve(credentials.size());
    for (const Credential& credential : credentials) {
        ready.push_back(ready_credential(system, credential));
    }
    return ready;
}

}  // namespace bootwright
