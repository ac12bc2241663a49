// DigitalOcean. Source of the protocol: DigitalOcean, "Droplet Metadata API".
// https://docs.digitalocean.com/reference/api/metadata/

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

constexpr const char* document_path = "/metadata/v1.json";

void read_addresses(InstanceMetadata& metadata, const Json& document) {
    for (const char* network : {"private", "public"}) {
        for (const Json& interface : list_at(document, std::string("/interfaces/") + network)) {
            for (const char* family : {"/ipv4", "/ipv6"}) {
                keep_address(metadata.addresses, text_at(object_at(interface, family), "ip_address"));
            }
        }
    }
}

class DigitalOcean final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "digitalocean"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 65536,
                .source =
                    "https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplets/operation/droplets_create"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "sys_vendor", "DigitalOcean")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = std::string("http://169.254.169.254") + document_path};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        return response.status == 200 && !text_at(parse_json(response.body), "droplet_id").empty();
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = {"http://169.254.169.254"}}, std::move(stop));
        const Json document = client.get_object(document_path);
        InstanceMetadata metadata{.platform = "digitalocean",
                                  .instance_id = required_id(document, "droplet_id", document_path)};
        metadata.hostname = text_at(document, "hostname");
        metadata.region = text_at(document, "region");
        add_tags(metadata, list_at(document, "/tags"));
        read_addresses(metadata, document);
        metadata.user_data = string_if_there(document, "user_data");
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const DigitalOcean digital_ocean;
const Registered<Platform> registered(digital_ocean);

}  // namespace

}  // namespace bootwright
