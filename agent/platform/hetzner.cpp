// Hetzner Cloud. Source of the protocol: Hetzner Docs, "Server metadata".
// https://docs.hetzner.cloud/reference/cloud

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"
#include "common/documents/yaml.hpp"

namespace bootwright {

namespace {

constexpr const char* document_path = "/hetzner/v1/metadata";

class Hetzner final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "hetzner"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 32768, .source = "https://docs.hetzner.cloud/reference/cloud"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "sys_vendor", "Hetzner")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = std::string("http://169.254.169.254") + document_path};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        return response.status == 200 && !text_at(parse(response.body), "instance-id").empty();
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = {"http://169.254.169.254"}}, std::move(stop));
        const Json document = parse(client.get(document_path).value_or(""));
        InstanceMetadata metadata{.platform = "hetzner",
                                  .instance_id = required_id(document, "instance-id", document_path)};
        metadata.hostname = text_at(document, "hostname");
        metadata.region = text_at(document, "region");
        metadata.zone = text_at(document, "availability-zone");
        for (const Json& network : parse_list(client.get("/hetzner/v1/metadata/private-networks"))) {
            keep_address(metadata.addresses, text_at(network, "ip"));
        }
        keep_address(metadata.addresses, text_at(document, "public-ipv4"));
        keep_ipv6(metadata, document);
        metadata.user_data = client.get("/hetzner/v1/userdata");
        metadata.user_data_origin = "user-data";
        return metadata;
    }

private:
    /// The service has no value of its own for it: it is that of the network's configuration, "2001:db8::1/64".
    static void keep_ipv6(InstanceMetadata& metadata, const Json& document) {
        for (const Json& interface : list_at(document, "/network-config/config")) {
            for (const Json& subnet : list_at(interface, "/subnets")) {
                const std::string address = text_at(subnet, "address");
                if (address.find(':') != std::string::npos) {
                    keep_address(metadata.addresses, address.substr(0, address.find('/')));
                }
            }
        }
    }

    static Json parse(const std::string& text) { return parse_yaml(text, YamlScalars::as_written).value_or(Json()); }

    static Json parse_list(const std::optional<std::string>& text) {
        const Json list = parse(text.value_or(""));
        return list.is_array() ? list : Json::array();
    }
};

const Hetzner hetzner;
const Registered<Platform> registered(hetzner);

}  // namespace

}  // namespace bootwright
