// Amazon EC2. Source of the protocol: the EC2 User Guide, "Use the Instance Metadata Service"; detection rules as in
// "Detect whether a host is an EC2 instance".
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace bootwright {

namespace {

constexpr const char* identity_document = "/latest/dynamic/instance-identity/document";
constexpr const char* tags_folder = "/latest/meta-data/tags/instance";
constexpr const char* roles_folder = "/latest/meta-data/iam/security-credentials/";

MetadataService::Token token() {
    return {.path = "/latest/api/token",
            .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}},
            .header = "X-aws-ec2-metadata-token",
            .if_missing = "it speaks only IMDSv1: if that is intended, set ec2.allow_imdsv1 to true in agent.json",
            .if_disabled = "switch it on: `aws ec2 modify-instance-metadata-options --http-endpoint enabled`"};
}

/// Clouds that serve EC2's first protocol, as their own pages and cloud-init's ("Amazon EC2", "ZStack") tell them apart.
std::vector<Evidence> clone_evidence(const System& system) {
    Evidence outscale = dmi_is(system, "product_name", "3DS Outscale VM");
    outscale.matched = outscale.matched && dmi_is(system, "sys_vendor", "3DS Outscale").matched;
    return {std::move(outscale), dmi_is(system, "sys_vendor", "e24cloud"), dmi_is(system, "sys_vendor", "Tilaa"),
            dmi_ends_with(system, "chassis_asset_tag", ".zstack.io"),
            dmi_ends_with(system, "product_serial", ".brightbox.com")};
}

MetadataService service(const System& system, const AgentConfig& config) {
    const auto clones = clone_evidence(system);
    const bool is_clone = std::any_of(clones.begin(), clones.end(), [](const Evidence& one) { return one.matched; });
    MetadataService service{.endpoints = {"http://169.254.169.254", "http://[fd00:ec2::254]"}, .token = token()};
    service.token->is_optional = config.allow_imdsv1 || is_clone;  // most of them have none to give
    return service;
}

bool is_ec2_uuid(std::string_view uuid) { return lower(uuid).starts_with("ec2"); }

/// The identity document; of a service that proves to have none, as a clone's does, the same values from their own files.
Json identity_of_instance(MetadataClient& client) {
    if (const auto text = client.get(identity_document)) {
        Json document = parse_json(*text);
        if (!document.is_object()) {
            throw bad_document(identity_document, "is not a JSON object");
        }
        return document;
    }
    Json values = Json::object();
    for (const auto& [key, file] :
         {std::pair("instanceId", "instance-id"), std::pair("region", "placement/region"),
          std::pair("availabilityZone", "placement/availability-zone"), std::pair("instanceType", "instance-type"),
          std::pair("imageId", "ami-id"), std::pair("privateIp", "local-ipv4")}) {
        values[key] = client.get_text(std::string("/latest/meta-data/") + file);
    }
    return values;
}

/// What IAM allows in the name of a role; the folder holds one.
bool is_role_name(std::string_view name) { return is_made_of(name, "_+=,.@-", 64); }

std::string role_of_instance(MetadataClient& client) {
    const auto answer = client.get(roles_folder);
    if (!answer) {
        throw no_identity_role(roles_folder, "give the instance a role: `aws ec2 associate-iam-instance-profile`");
    }
    std::string role = split(trimmed(*answer), '\n').front();
    if (!is_role_name(role)) {
        throw bad_document(roles_folder, "names no role");
    }
    return role;
}

class Ec2 final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "ec2"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 16384,
                .source = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        // The vendor alone is enough, and all that there is where the uuid is another or cannot be read.
        std::vector<Evidence> evidence{
            file_evidence(system, "/sys/hypervisor/uuid", "hypervisor uuid starts with ec2", is_ec2_uuid),
            file_evidence(system, "/sys/class/dmi/id/product_uuid", "product_uuid starts with ec2", is_ec2_uuid),
            dmi_is(system, "sys_vendor", "Amazon EC2"),
            dmi_is(system, "bios_vendor", "Amazon EC2"),
        };
        std::ranges::move(clone_evidence(system), std::back_inserter(evidence));
        return evidence;
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System& system) const override {
        return HttpRequest{.method = "PUT",
                           .url = service(system, {}).endpoints.front().with_target(token().path),
                           .headers = token().headers,
                           .max_bytes = 4096};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        return response.status == 200 && response.headers.contains("x-aws-ec2-metadata-token-ttl-seconds");
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(system, config), std::move(stop));
        const Json identity = identity_of_instance(client);
        InstanceMetadata metadata{.platform = "ec2",
                                  .instance_id = required_id(identity, "instanceId", identity_document)};
        metadata.region = text_at(identity, "region");
        metadata.zone = text_at(identity, "availabilityZone");
        metadata.instance_type = text_at(identity, "instanceType");
        metadata.image_id = text_at(identity, "imageId");
        metadata.account = text_at(identity, "accountId");
        metadata.hostname = client.get_text("/latest/meta-data/local-hostname");
        keep_address(metadata.addresses, text_at(identity, "privateIp"));
        keep_address(metadata.addresses, client.get_text("/latest/meta-data/public-ipv4"));
        keep_address(metadata.addresses, client.get_text("/latest/meta-data/ipv6"));
        // Off unless the instance was started with --metadata-options InstanceMetadataTags=enabled.
        client.read_tags_folder(metadata.tags, tags_folder);
        metadata.user_data = client.get("/latest/user-data");
        metadata.user_data_origin = "user-data";
        return metadata;
    }

    /// "Spot Instance interruption notices": `action` is terminate, stop or hibernate; two minutes before, and 404 until then.
    /// "Retrieve the target lifecycle state through instance metadata" (EC2 Auto Scaling): 404 outside a group; a state such
    /// as Warmed:Stopped is that of a machine which is to be configured first.
    [[nodiscard]] std::optional<StopNotice> stop_notice(const System& system, const AgentConfig& config,
                                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(system, config), std::move(stop));
        if (const auto answer = client.get("/latest/meta-data/spot/instance-action")) {
            const Json notice = parse_json(*answer);
            const std::string action = word_or_nothing(text_at(notice, "action"));
            if (!action.empty()) {
                return StopNotice{"a spot interruption (" + action + ")", word_or_nothing(text_at(notice, "time"))};
            }
        }
        const std::string state = client.get_text("/latest/meta-data/autoscaling/target-lifecycle-state");
        if (state == "Terminated" || state == "Warmed:Terminated") {
            return StopNotice{"its Auto Scaling group ends it"};
        }
        return std::nullopt;
    }

    /// "Retrieve security credentials from instance metadata" of the guide: the service renews them five minutes before
    /// they expire at the latest, so what it gives is good for one fetch.
    [[nodiscard]] std::optional<CloudIdentity> identity(const System& system, const AgentConfig& config, CloudService,
                                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(system, config), std::move(stop));
        const std::string path = roles_folder + role_of_instance(client);
        const Json credentials = client.get_object(path);
        if (const std::string code = text_at(credentials, "Code"); code != "Success") {
            // "AssumeRoleUnauthorizedAccess": the role does not trust EC2, or has only just been made.
            throw bad_document(path, "has no credentials" + (is_word(code) ? ": it says " + code : ""));
        }
        CloudIdentity identity{.access_key = required_secret(credentials, "AccessKeyId", path),
                               .secret_key = required_secret(credentials, "SecretAccessKey", path),
                               .session_token = required_secret(credentials, "Token", path)};
        identity.region = text_at(client.get_object(identity_document), "region");
        if (!is_word(identity.region)) {
            throw bad_document(identity_document, "names no region");
        }
        return identity;
    }
};

const Ec2 ec2;
const Registered<Platform> registered(ec2);

}  // namespace

}  // namespace bootwright
