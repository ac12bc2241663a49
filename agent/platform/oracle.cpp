// Oracle Cloud. Source of the protocol: Oracle Cloud Infrastructure, "Getting Instance Metadata".
// https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm
// It does not name a VNIC's ipv6Addresses, which cloud-init reads: https://github.com/canonical/cloud-init/pull/6843

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

constexpr const char* newer = "/opc/v2/instance/";
constexpr const char* older = "/opc/v1/instance/";

MetadataService service() {
    return {.endpoints = {"http://169.254.169.254", "http://[fd00:c1::a9fe:a9fe]"},
            .headers = {{"Authorization", "Bearer Oracle"}}};
}

class Oracle final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "oracle"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 32000,
                .counts_base64 = true,
                .source = "https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/datatypes/LaunchInstanceDetails",
                .place = "the metadata key user_data (`oci compute instance launch --user-data-file FILE`)"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "chassis_asset_tag", "OracleCloud.com")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = service().endpoints.front().with_target(newer), .headers = service().headers};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        return response.status == 200 && text_at(parse_json(response.body), "id").starts_with("ocid1.instance.");
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const auto [document, path] = client.get_object_of_version({newer, older});
        InstanceMetadata metadata{.platform = "oracle", .instance_id = required_id(document, "id", path)};
        metadata.hostname = text_at(document, "hostname");
        metadata.region = text_at(document, "canonicalRegionName");
        metadata.zone = text_at(document, "ociAdName");
        metadata.instance_type = text_at(document, "shape");
        metadata.image_id = text_at(document, "image");
        metadata.account = text_at(document, "tenantId");
        add_tags(metadata, object_at(document, "/freeformTags"));
        const Json vnics = parse_json(client.get(path == newer ? "/opc/v2/vnics/" : "/opc/v1/vnics/").value_or(""));
        for (const Json& vnic : vnics.is_array() ? vnics : Json::array()) {
            keep_address(metadata.addresses, text_at(vnic, "privateIp"));
            for (const Json& address : list_at(vnic, "/ipv6Addresses")) {
                keep_address(metadata.addresses, address.is_string() ? address.get<std::string>() : "");
            }
        }
        if (auto user_data = string_if_there(object_at(document, "/metadata"), "user_data")) {
            metadata.user_data = decoded_user_data(std::move(*user_data));
        }
        metadata.user_data_origin = "user_data";
        return metadata;
    }
};

const Oracle oracle;
const Registered<Platform> registered(oracle);

}  // namespace

}  // namespace bootwright
