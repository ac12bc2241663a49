// OpenStack and the clouds built on it. Source of the protocol: OpenStack Nova, "Metadata".
// https://docs.openstack.org/nova/latest/user/metadata.html

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/openstack_document.hpp"
#include "agent/platform/platform.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

constexpr const char* document_path = "/openstack/latest/meta_data.json";
constexpr const char* ec2_folder = "/latest/meta-data/";

/// IPv4, and the link-local address on the first few interfaces, which is all there is without IPv4.
std::vector<Url> endpoints(const System& system) {
    constexpr std::size_t most_interfaces = 4;
    std::vector<Url> endpoints{"http://169.254.169.254"};
    std::error_code error;
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(system.path("/sys/class/net"), error)) {
        const std::string name = entry.path().filename();
        if (name != "lo" && is_word(name)) {
            names.push_back(name);
        }
    }
    std::sort(names.begin(), names.end());
    for (std::size_t i = 0; i < std::min(names.size(), most_interfaces); ++i) {
        endpoints.emplace_back("http://[fe80::a9fe:a9fe%25" + names[i] + "]");
    }
    return endpoints;
}

class OpenStack final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "openstack"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 65535,
                .counts_base64 = true,
                .source = "https://docs.openstack.org/nova/stein/user/user-data.html"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        // Nova's drive says all that its service says, and is there before the network.
        constexpr Rank rank = Rank::hardware_after_drive;
        std::vector<Evidence> evidence{dmi_is(system, "product_name", "OpenStack Nova", rank),
                                       dmi_is(system, "product_name", "OpenStack Compute", rank)};
        for (const char* tag : {"OpenStack Nova", "OpenStack Compute", "OpenTelekomCloud", "SAP CCloud VM",
                                "HUAWEICLOUD", "Samsung Cloud Platform"}) {
            evidence.push_back(dmi_is(system, "chassis_asset_tag", tag, rank));
        }
        return evidence;
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = std::string("http://169.254.169.254") + document_path};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        return response.status == 200 && !text_at(parse_json(response.body), "uuid").empty();
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = endpoints(system)}, std::move(stop));
        InstanceMetadata metadata =
            read_openstack_document(client.get_object(document_path), "openstack", document_path);
        add_ec2_values(metadata, [&](const char* name) { return client.get_text(ec2_folder + std::string(name)); });
        metadata.user_data = client.get("/openstack/latest/user_data");
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const OpenStack openstack;
const Registered<Platform> registered(openstack);

}  // namespace

}  // namespace bootwright
