// Vultr. Source of the protocol: Vultr, "Metadata API".
// https://www.vultr.com/metadata/

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

constexpr const char* document_path = "/v1.json";

MetadataService service() {
    return {.endpoints = {"http://169.254.169.254"}, .headers = {{"Metadata-Token", "cloudinit"}}};
}

class Vultr final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "vultr"; }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "sys_vendor", "Vultr")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = service().endpoints.front().with_target(document_path), .headers = service().headers};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        return response.status == 200 && !text_at(parse_json(response.body), "instance-v2-id").empty();
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const Json document = client.get_object(document_path);
        InstanceMetadata metadata{.platform = "vultr",
                                  .instance_id = required_id(document, "instance-v2-id", document_path)};
        metadata.hostname = text_at(document, "hostname");
        metadata.region = text_at(object_at(document, "/region"), "regioncode");
        add_tags(metadata, list_at(document, "/tags"));
        for (const char* network : {"private", "public"}) {
            for (const Json& interface : list_at(document, "/interfaces")) {
                if (text_at(interface, "network-type") == network) {
                    keep_address(metadata.addresses, text_at(object_at(interface, "/ipv4"), "address"));
                    keep_address(metadata.addresses, text_at(object_at(interface, "/ipv6"), "address"));
                }
            }
        }
        metadata.user_data = string_if_there(document, "user-data");
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const Vultr vultr;
const Registered<Platform> registered(vultr);

}  // namespace

}  // namespace bootwright
