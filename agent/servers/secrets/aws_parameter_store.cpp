// AWS Systems Manager Parameter Store. Source of the protocol: "GetParameter", AWS Systems Manager API Reference.

#include "agent/servers/cloud_request.hpp"
#include "agent/servers/secrets/secret_store.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

/// A name, NAME:VERSION, or an ARN. The limits are those of Name.
bool is_name(const std::string& name) { return is_made_of(name, "/_.:-", 2048); }

WebRequest request(const std::string& name, const std::optional<CloudIdentity>& identity) {
    return aws_json_request("ssm", "AmazonSSM.GetParameter", name, {{"Name", name}, {"WithDecryption", true}},
                            identity);
}

std::optional<std::string> value(const Json& answer) { return string_at_pointer(answer, "/Parameter/Value"); }

const SecretStore aws_parameter_store{
    .kind = {"aws_parameter"},
    .called = "AWS Systems Manager Parameter Store",
    .right = "ssm:GetParameter on the parameter, and kms:Decrypt where it has a key of its own",
    .example = "/git/token, or the parameter's ARN",
    .is_name = is_name,
    .request = request,
    .value = value};

const Registered<SecretStore> registered(aws_parameter_store);
const Registered<SecretKind> registered_kind(aws_parameter_store.kind);

}  // namespace

}  // namespace bootwright
