// Azure Key Vault. Source of the protocol: "Get Secret", Key Vault REST API 7.4; "Vault name and object name".

#include "agent/servers/cloud_request.hpp"
#include "agent/servers/secrets/secret_store.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

/// VAULT/SECRET, and maybe /VERSION.
bool is_name(const std::string& name) {
    const std::vector<std::string> parts = split(name, '/');
    return (parts.size() == 2 || (parts.size() == 3 && is_made_of(parts[2], "", 32))) &&
           is_made_of(parts[0], "-", 24) && parts[0].front() != '-' && parts[0].back() != '-' &&
           is_made_of(parts[1], "-", 127);
}

WebRequest request(const std::string& name, const std::optional<CloudIdentity>& identity) {
    const std::size_t slash = name.find('/');
    return {.url = "https://" + name.substr(0, slash) + ".vault.azure.net/secrets" + name.substr(slash) +
                   "?api-version=7.4",
            .headers = {bearer_header(identity, "Azure Key Vault")}};
}

std::optional<std::string> value(const Json& answer) { return string_at_pointer(answer, "/value"); }

const SecretStore azure_key_vault{
    .kind = {"azure_secret"},
    .called = "Azure Key Vault",
    .right =
        "Microsoft.KeyVault/vaults/secrets/getSecret/action (the role \"Key Vault Secrets User\", or an access "
        "policy with Get), and the instance's network in the vault's firewall",
    .example = "VAULT/SECRET, with /VERSION for another than the latest",
    .is_name = is_name,
    .request = request,
    .value = value};

const Registered<SecretStore> registered(azure_key_vault);
const Registered<SecretKind> registered_kind(azure_key_vault.kind);

}  // namespace

}  // namespace bootwright
