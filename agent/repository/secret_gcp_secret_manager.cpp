// Google Secret Manager. Source of the protocol: "Method: projects.secrets.versions.access", Secret Manager API v1.

#include "agent/repository/cloud_request.hpp"
#include "agent/repository/secret_store.hpp"
#include "common/encoding.hpp"
#include "common/text.hpp"

namespace bootwright {

namespace {

/// projects/PROJECT/secrets/SECRET, and maybe versions/VERSION. An old project's id may be "example.com:project".
bool is_name(const std::string& name) {
    const std::vector<std::string> parts = split(name, '/');
    return (parts.size() == 4 || (parts.size() == 6 && parts[4] == "versions" && is_made_of(parts[5], "_-", 63))) &&
           parts[0] == "projects" && is_made_of(parts[1], ".:-", 100) && parts[1].find("..") == std::string::npos &&
           parts[1] != "." && parts[2] == "secrets" && is_made_of(parts[3], "_-", 255);
}

WebRequest request(const std::string& name, const std::optional<CloudIdentity>& identity) {
    const bool has_version = name.find("/versions/") != std::string::npos;
    return {
        .url = "https://secretmanager.googleapis.com/v1/" + name + (has_version ? "" : "/versions/latest") + ":access",
        .headers = {bearer_header(identity, "Google Secret Manager")}};
}

std::optional<std::string> value(const Json& answer) {
    return decode_base64(string_at_pointer(answer, "/payload/data").value_or("-"));
}

}  // namespace

extern const SecretStore gcp_secret_manager;
const SecretStore gcp_secret_manager{
    .kind = "gcp_secret",
    .called = "Google Secret Manager",
    .right =
        "secretmanager.versions.access (roles/secretmanager.secretAccessor) on the secret, and give the instance "
        "the access scope cloud-platform",
    .example = "projects/PROJECT/secrets/SECRET, with /versions/VERSION for another than the latest",
    .is_name = is_name,
    .request = request,
    .value = value};

}  // namespace bootwright
