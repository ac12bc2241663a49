// Exoscale. Source of the protocol: Exoscale, "User data and metadata".
// https://community.exoscale.com/documentation/compute/cloud-init/

#include "agent/platform/ec2_style.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

class Exoscale final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "exoscale"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 32768,
                .counts_base64 = true,
                .source = "https://github.com/exoscale/terraform-provider-exoscale/blob/master/pkg/config/config.go"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_starts_with(system, "product_name", "Exoscale")};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = {"http://169.254.169.254"}}, std::move(stop));
        return read_ec2_style(client, "exoscale", "/1.0");
    }
};

const Exoscale exoscale;
const Registered<Platform> registered(exoscale);

}  // namespace

}  // namespace bootwright
