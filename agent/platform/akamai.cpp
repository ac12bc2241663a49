// Akamai Cloud (Linode). Source of the protocol: Akamai, "Metadata Service API".
// https://techdocs.akamai.com/cloud-computing/docs/metadata-service-api

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

constexpr const char* document_path = "/v1/instance";

MetadataService service() {
    return {.endpoints = {"http://169.254.169.254", "http://[fd00:a9fe:a9fe::1]"},
            .headers = {{"Accept", "application/json"}},
            .token = MetadataService::Token{
                .path = "/v1/token",
                .headers = {{"Metadata-Token-Expiry-Seconds", "300"}},
                .header = "Metadata-Token",
                .if_missing = "this region has no metadata service: name another platform in agent.json, such as file",
                .if_disabled = "ask Akamai's support why this instance gets no token"}};
}

/// An address without the length of its prefix: "192.0.2.7/24".
std::string plain_address(const Json& address) {
    const std::string text = address.is_string() ? address.get<std::string>() : "";
    return text.substr(0, text.find('/'));
}

void read_addresses(InstanceMetadata& metadata, MetadataClient& client) {
    const Json network = parse_json(client.get("/v1/network").value_or(""));
    for (const char* list : {"/ipv4/private", "/ipv4/public"}) {
        for (const Json& address : list_at(network, list)) {
            keep_address(metadata.addresses, plain_address(address));
        }
    }
    keep_address(metadata.addresses, plain_address(object_at(network, "/ipv6").value("slaac", Json())));
}

class Akamai final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "akamai"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 65535, .source = "https://techdocs.akamai.com/linode-api/reference/post-linode-instance"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "sys_vendor", "Linode"), dmi_is(system, "sys_vendor", "Akamai")};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const Json document = client.get_object(document_path);
        InstanceMetadata metadata{.platform = "akamai", .instance_id = required_id(document, "id", document_path)};
        metadata.hostname = text_at(document, "label");
        metadata.region = text_at(document, "region");
        metadata.instance_type = text_at(document, "type");
        metadata.image_id = text_at(object_at(document, "/image"), "id");
        metadata.account = text_at(document, "account_euuid");
        add_tags(metadata, list_at(document, "/tags"));
        read_addresses(metadata, client);
        if (auto user_data = client.get("/v1/user-data")) {
            metadata.user_data = decoded_user_data(std::move(*user_data));
        }
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const Akamai akamai;
const Registered<Platform> registered(akamai);

}  // namespace

}  // namespace bootwright
