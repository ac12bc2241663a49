// Google Secret Manager. Source of the protocol: "Method: projects.secrets.versions.access", Secret Manager API v1.

#include "agent/servers/cloud_request.hpp"
#include "agent/servers/secrets/secret_store.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

/// CRC-32C: polynomial 0x1EDC6F41, lowest bit first. Source: RFC 3720, 12.1 and B.4.
std::uint32_t crc32c(std::string_view bytes) {
    constexpr std::uint32_t reversed_polynomial = 0x82F63B78;
    std::uint32_t crc = 0xFFFFFFFF;
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? reversed_polynomial : 0U);
        }
    }
    return ~crc;
}

/// The checksum is a number in a string, as protobuf's JSON has 64 bits; a secret may have been stored without one.
std::optional<std::string> value(const Json& answer) {
    auto secret = decode_base64(string_at_pointer(answer, "/payload/data").value_or("-"));
    const auto checksum = string_at_pointer(answer, "/payload/dataCrc32c");
    return secret && checksum && *checksum != std::to_string(crc32c(*secret)) ? std::nullopt : secret;
}

const SecretStore gcp_secret_manager{
    .kind = {"gcp_secret"},
    .called = "Google Secret Manager",
    .right =
        "secretmanager.versions.access (roles/secretmanager.secretAccessor) on the secret, and give the instance "
        "the access scope cloud-platform",
    .example = "projects/PROJECT/secrets/SECRET, with /versions/VERSION for another than the latest",
    .is_name = is_name,
    .request = request,
    .value = value};

const Registered<SecretStore> registered(gcp_secret_manager);
const Registered<SecretKind> registered_kind(gcp_secret_manager.kind);

}  // namespace

}  // namespace bootwright
