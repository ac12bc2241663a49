// Google Compute Engine. Source of the protocol: Google Cloud, "About VM metadata" and "Predefined metadata keys".
// https://cloud.google.com/compute/docs/metadata/overview
// https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

constexpr const char* instance_path = "/computeMetadata/v1/instance/?recursive=true";
constexpr const char* token_path = "/computeMetadata/v1/instance/service-accounts/default/token";
constexpr const char* identity_path = "/computeMetadata/v1/instance/service-accounts/default/identity";
constexpr const char* attributes_path = "/computeMetadata/v1/instance/attributes/?recursive=true";

MetadataService service() {
    // By its address: at boot there may be no DNS yet for metadata.google.internal.
    return {.endpoints = {"http://169.254.169.254"},
            .headers = {{"Metadata-Flavor", "Google"}},
            .proof = {{"metadata-flavor", "Google"}}};
}

/// "projects/123/zones/europe-west1-b" -> "europe-west1-b"
std::string last_segment(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Network tags, and those attributes that are meant for bootwright: others hold keys and scripts.
void read_tags(InstanceMetadata& metadata, const Json& instance) {
    add_tags(metadata, list_at(instance, "/tags"));
    for (const auto& [name, value] : object_at(instance, "/attributes").items()) {
        if (bootwright_key(name)) {
            add_tags(metadata, Json{{name, value}});
        }
    }
}

void read_addresses(InstanceMetadata& metadata, const Json& instance) {
    std::vector<std::string> external;
    for (const Json& interface : list_at(instance, "/networkInterfaces")) {
        keep_address(metadata.addresses, text_at(interface, "ip"));
        for (const Json& access : list_at(interface, "/accessConfigs")) {
            keep_address(external, text_at(access, "externalIp"));
        }
    }
    metadata.addresses.insert(metadata.addresses.end(), external.begin(), external.end());
}

std::optional<std::string> read_user_data(const Json& attributes) {
    auto text = string_if_there(attributes, "user-data");
    const bool is_encoded = text_at(attributes, "user-data-encoding") == "base64";
    return text && is_encoded ? std::optional(decoded_user_data(std::move(*text))) : text;
}

class Gce final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "gce"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {
            .largest = 262144,
            .source = "https://cloud.google.com/compute/docs/metadata/setting-custom-metadata",
            .place =
                "the metadata key user-data (`gcloud compute instances create --metadata-from-file user-data=FILE`)"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "product_name", "Google Compute Engine"),
                dmi_starts_with(system, "product_serial", "GoogleCloud-")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = service().endpoints.front().with_target("/computeMetadata/v1/instance/id"),
                           .headers = service().headers};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        const auto flavor = response.headers.find("metadata-flavor");
        return response.status == 200 && flavor != response.headers.end() && flavor->second == "Google";
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const Json instance = client.get_object(instance_path);
        InstanceMetadata metadata{.platform = "gce", .instance_id = required_id(instance, "id", instance_path)};
        metadata.hostname = text_at(instance, "hostname");
        metadata.zone = last_segment(text_at(instance, "zone"));
        metadata.region = metadata.zone.substr(0, metadata.zone.rfind('-'));
        metadata.instance_type = last_segment(text_at(instance, "machineType"));
        metadata.image_id = text_at(instance, "image");
        metadata.account = client.get_text("/computeMetadata/v1/project/project-id");
        read_tags(metadata, instance);
        read_addresses(metadata, instance);
        metadata.user_data = read_user_data(object_at(instance, "/attributes"));
        metadata.user_data_origin = "attribute user-data";
        return metadata;
    }

    /// "Authenticate applications with service accounts": one token for all of Google's services, within the instance's
    /// access scopes; the service renews it five minutes before it expires.
    [[nodiscard]] std::optional<CloudIdentity> identity(const System& system, const AgentConfig& config, CloudService,
                                                        std::stop_token stop) const override {
        const auto answer = MetadataClient(system, config, service(), std::move(stop)).get(token_path);
        if (!answer) {
            throw no_identity_role(
                token_path,
                "give the instance a service account: `gcloud compute instances set-service-account`, with "
                "the scope cloud-platform");
        }
        return CloudIdentity{.bearer_token = required_secret(parse_json(*answer), "access_token", token_path)};
    }

    /// "Verify the identity of VMs", Compute Engine: a JSON Web Token that Google has signed, for one audience.
    [[nodiscard]] std::optional<std::string> identity_token(const System& system, const AgentConfig& config,
                                                            const std::string& audience,
                                                            std::stop_token stop) const override {
        const auto answer = MetadataClient(system, config, service(), std::move(stop))
                                .get(identity_path + ("?format=full&audience=" + audience));
        if (!answer) {
            throw no_identity_role(
                identity_path, "give the instance a service account: `gcloud compute instances set-service-account`");
        }
        return required_secret({{"token", trimmed(*answer)}}, "token", identity_path);
    }

    /// "Create and use preemptible VMs" and "Query metadata server for maintenance event notices": `preempted` is TRUE and
    /// `maintenance-event` says so, thirty and sixty seconds before. Among all values the latter is called maintenanceEvent.
    [[nodiscard]] std::optional<StopNotice> stop_notice(const System& system, const AgentConfig& config,
                                                        std::stop_token stop) const override {
        const Json instance = MetadataClient(system, config, service(), std::move(stop)).get_object(instance_path);
        if (text_at(instance, "preempted") == "TRUE") {
            return StopNotice{"it is preempted"};
        }
        if (text_at(instance, "maintenanceEvent") == "TERMINATE_ON_HOST_MAINTENANCE") {
            return StopNotice{"maintenance of its host ends it"};
        }
        return std::nullopt;
    }

    /// The service answers when an attribute changes, or after `timeout_sec`; `last_etag` is what was seen before.
    void wait_for_change(const System& system, const AgentConfig& config, std::chrono::milliseconds limit,
                         std::string& cursor, std::stop_token stop) const override {
        constexpr std::chrono::seconds slack{10};
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count() + 1;
        MetadataClient client(system, config, service(), std::move(stop));
        client.set_timeout(limit + slack);
        const HttpResponse response =
            client.send(attributes_path + std::string("&wait_for_change=true&timeout_sec=") + std::to_string(seconds) +
                        "&last_etag=" + (cursor.empty() ? "0" : cursor));
        if (response.status != 200) {
            throw bad_document(attributes_path, "answers with HTTP status " + std::to_string(response.status));
        }
        const auto etag = response.headers.find("etag");
        cursor = etag != response.headers.end() && is_word(etag->second) ? etag->second : "";
    }
};

const Gce gce;
const Registered<Platform> registered(gce);

}  // namespace

}  // namespace bootwright
