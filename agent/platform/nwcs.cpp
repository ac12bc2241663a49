// NWCS. No page of the vendor's was found; source of the protocol: cloud-init's documentation and source, "NWCS".
// https://docs.cloud-init.io/en/latest/reference/datasources/nwcs.html

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

constexpr const char* document_path = "/api/v1/metadata";

class Nwcs final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "nwcs"; }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "sys_vendor", "NWCS")};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = {"http://169.254.169.254"}}, std::move(stop));
        const Json document = client.get_object(document_path);
        InstanceMetadata metadata{.platform = "nwcs",
                                  .instance_id = required_id(document, "instance-id", document_path)};
        metadata.hostname = text_at(document, "hostname");
        metadata.user_data = string_if_there(document, "userdata");
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const Nwcs nwcs;
const Registered<Platform> registered(nwcs);

}  // namespace

}  // namespace bootwright
