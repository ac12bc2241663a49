// UpCloud. Source of the protocol: UpCloud, "Metadata service".
// https://upcloud.com/docs/products/cloud-servers/features/metadata-service/

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

constexpr const char* document_path = "/metadata/v1.json";

class UpCloud final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "upcloud"; }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "sys_vendor", "UpCloud")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = std::string("http://169.254.169.254") + document_path};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        return response.status == 200 && text_at(parse_json(response.body), "cloud_name") == "upcloud";
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = {"http://169.254.169.254"}}, std::move(stop));
        const Json document = client.get_object(document_path);
        InstanceMetadata metadata{.platform = "upcloud",
                                  .instance_id = required_id(document, "instance_id", document_path)};
        metadata.hostname = text_at(document, "hostname");
        metadata.region = text_at(document, "region");
        add_tags(metadata, list_at(document, "/tags"));
        for (const char* kind : {"utility", "private", "public"}) {
            for (const Json& interface : list_at(document, "/network/interfaces")) {
                for (const Json& address : list_at(interface, "/ip_addresses")) {
                    keep_address(metadata.addresses,
                                 text_at(interface, "type") == kind ? text_at(address, "address") : "");
                }
            }
        }
        metadata.user_data = string_if_there(document, "user_data");
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const UpCloud upcloud;
const Registered<Platform> registered(upcloud);

}  // namespace

}  // namespace bootwright
