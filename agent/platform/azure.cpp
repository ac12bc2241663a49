// Microsoft Azure. Source of the protocol: Microsoft Learn, "Azure Instance Metadata Service".
// https://learn.microsoft.com/en-us/azure/virtual-machines/instance-metadata-service

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

constexpr const char* newest = "/metadata/instance?api-version=2021-08-01&extended=true";
constexpr const char* token_path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=";
constexpr const char* events_path = "/metadata/scheduledevents?api-version=2020-07-01";
constexpr const char* oldest = "/metadata/instance?api-version=2019-06-01";

MetadataService service() {
    // It answers 404, 410 and 429 while it is being set up or is busy: no status proves that something is absent.
    return {.endpoints = {"http://169.254.169.254"}, .headers = {{"Metadata", "true"}}, .absent = {}};
}

void read_addresses(InstanceMetadata& metadata, const Json& document) {
    std::vector<std::string> external;
    for (const char* family : {"ipv4", "ipv6"}) {
        for (const Json& interface : list_at(document, "/network/interface")) {
            for (const Json& address : list_at(interface, std::string("/") + family + "/ipAddress")) {
                keep_address(metadata.addresses, text_at(address, "privateIpAddress"));
                keep_address(external, text_at(address, "publicIpAddress"));
            }
        }
    }
    metadata.addresses.insert(metadata.addresses.end(), external.begin(), external.end());
}

class Azure final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "azure"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 65536,
                .counts_base64 = true,
                .source = "https://learn.microsoft.com/en-us/azure/virtual-machines/user-data",
                .place = "userData (`az vm create --user-data FILE`): custom data is not read"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = service().endpoints.front().with_target(oldest), .headers = service().headers};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        const Json document = parse_json(response.body);
        return response.status == 200 && !text_at(object_at(document, "/compute"), "vmId").empty();
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const Json document = client.get_object_of_version({newest, oldest}).first;
        const Json& compute = object_at(document, "/compute");
        InstanceMetadata metadata{.platform = "azure", .instance_id = required_id(compute, "vmId", "compute")};
        metadata.hostname = text_at(object_at(compute, "/osProfile"), "computerName");
        metadata.region = text_at(compute, "location");
        metadata.zone = text_at(compute, "zone");
        metadata.instance_type = text_at(compute, "vmSize");
        metadata.account = text_at(compute, "subscriptionId");
        metadata.image_id = text_at(object_at(compute, "/storageProfile/imageReference"), "id");
        for (const Json& tag : list_at(compute, "/tagsList")) {
            metadata.tags[text_at(tag, "name")] = text_at(tag, "value");
        }
        read_addresses(metadata, document);
        if (const std::string user_data = text_at(compute, "userData"); !user_data.empty()) {
            metadata.user_data = decoded_user_data(user_data);
        }
        metadata.user_data_origin = "userData";
        return metadata;
    }

    /// "Azure Metadata Service: Scheduled Events for Linux VMs": each machine of a scale set or an availability set is told of the
    /// events of all, by name. The first question of a machine's life switches them on, and may take two minutes.
    [[nodiscard]] std::optional<StopNotice> stop_notice(const System& system, const AgentConfig& config,
                                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const Json document = client.get_object(events_path);
        std::string own_name;
        for (const Json& event : list_at(document, "/Events")) {
            const std::string type = text_at(event, "EventType");
            if (type != "Preempt" && type != "Terminate") {
                continue;
            }
            if (own_name.empty()) {
                const Json instance = client.get_object_of_version({newest, oldest}).first;
                own_name = lower(required_id(object_at(instance, "/compute"), "name", "compute"));
            }
            for (const Json& resource : list_at(event, "/Resources")) {
                if (resource.is_string() && lower(resource.get<std::string>()) == own_name) {
                    return StopNotice{type == "Preempt" ? "its spot capacity is taken back" : "it is deleted",
                                      shortened(text_at(event, "NotBefore"), 40)};
                }
            }
        }
        return std::nullopt;
    }

    /// "How to use managed identities to acquire an access token": a token for each kind of service. The status 400 is the
    /// service's own word for "no identity", and also for "several, and you did not say which".
    [[nodiscard]] std::optional<CloudIdentity> identity(const System& system, const AgentConfig& config,
                                                        CloudService asked, std::stop_token stop) const override {
        const std::string path =
            token_path +
            std::string(asked == CloudService::object_store ? "https://storage.azure.com/" : "https://vault.azure.net");
        MetadataService with_absence = service();
        with_absence.absent = {400};
        const auto answer = MetadataClient(system, config, std::move(with_absence), std::move(stop)).get(path);
        if (!answer) {
            throw no_identity_role(path,
                                   "give the machine one managed identity: `az vm identity assign`; where it has "
                                   "several, assign the system's own too, which then counts");
        }
        return CloudIdentity{.bearer_token = required_secret(parse_json(*answer), "access_token", path)};
    }
};

const Azure azure;
const Registered<Platform> registered(azure);

}  // namespace

}  // namespace bootwright
