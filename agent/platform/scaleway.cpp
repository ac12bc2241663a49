// Scaleway. Source of the protocol: Scaleway, "Instance metadata".
// https://www.scaleway.com/en/developers/api/instance/user-data

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

constexpr const char* document_path = "/conf?format=json";

/// Newer documents name it at the top, as the API of instances does.
std::string zone_of(const Json& document) {
    const std::string zone = text_at(object_at(document, "/location"), "zone_id");
    return zone.empty() ? text_at(document, "zone") : zone;
}

MetadataService service() {
    // User-data is given only to a port below 1024: proof that root asks for it.
    return {.endpoints = {"http://169.254.42.42", "http://[fd00:42::42]"}, .privileged_port = true};
}

class Scaleway final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "scaleway"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override { return {.place = "the user data key cloud-init"}; }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "sys_vendor", "Scaleway")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = service().endpoints.front().with_target(document_path)};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        const Json document = parse_json(response.body);
        return response.status == 200 && !zone_of(document).empty() && !text_at(document, "commercial_type").empty();
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const Json document = client.get_object(document_path);
        InstanceMetadata metadata{.platform = "scaleway", .instance_id = required_id(document, "id", document_path)};
        metadata.hostname = text_at(document, "hostname");
        metadata.zone = zone_of(document);
        metadata.region = metadata.zone.substr(0, metadata.zone.rfind('-'));
        metadata.instance_type = text_at(document, "commercial_type");
        metadata.image_id = text_at(object_at(document, "/image"), "id");
        metadata.account = text_at(document, "project");
        add_tags(metadata, list_at(document, "/tags"));
        keep_address(metadata.addresses, text_at(document, "private_ip"));
        for (const char* family : {"/public_ips_v4", "/public_ips_v6"}) {
            for (const Json& address : list_at(document, family)) {
                keep_address(metadata.addresses, text_at(address, "address"));
            }
        }
        for (const char* older : {"/public_ip", "/ipv6"}) {  // of instances that have one each
            keep_address(metadata.addresses, text_at(object_at(document, older), "address"));
        }
        metadata.user_data = client.get("/user_data/cloud-init");
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const Scaleway scaleway;
const Registered<Platform> registered(scaleway);

}  // namespace

}  // namespace bootwright
