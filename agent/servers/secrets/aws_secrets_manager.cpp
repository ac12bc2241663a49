// AWS Secrets Manager. Source of the protocol: "GetSecretValue", AWS Secrets Manager API Reference.

#include "agent/servers/cloud_request.hpp"
#include "agent/servers/secrets/secret_store.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

/// A name or an ARN. The limits are those of SecretId.
bool is_name(const std::string& name) { return is_made_of(name, "/_+=.@:-", 2048); }

WebRequest request(const std::string& name, const std::optional<CloudIdentity>& identity) {
    return aws_json_request("secretsmanager", "secretsmanager.GetSecretValue", name, {{"SecretId", name}}, identity);
}

/// What was stored as text, or as bytes.
std::optional<std::string> value(const Json& answer) {
    const auto text = string_at_pointer(answer, "/SecretString");
    return text ? text : decode_base64(string_at_pointer(answer, "/SecretBinary").value_or("-"));
}

const SecretStore aws_secrets_manager{
    .kind = {"aws_secret"},
    .called = "AWS Secrets Manager",
    .right = "secretsmanager:GetSecretValue on the secret, and kms:Decrypt where it has a key of its own",
    .example = "git/token, or the secret's ARN",
    .is_name = is_name,
    .request = request,
    .value = value};

const Registered<SecretStore> registered(aws_secrets_manager);
const Registered<SecretKind> registered_kind(aws_secrets_manager.kind);

}  // namespace

}  // namespace bootwright
