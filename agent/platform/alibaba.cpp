// Alibaba Cloud. Source of the protocol: Alibaba Cloud ECS, "Instance metadata".
// https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

namespace bootwright {

namespace {

constexpr const char* tags_folder = "/latest/meta-data/tags/instance";

MetadataService service() {
    // Alibaba has an address of its own. An instance may still be in the mode without tokens.
    return {.endpoints = {"http://100.100.100.200"},
            .token = MetadataService::Token{.path = "/latest/api/token",
                                            .headers = {{"X-aliyun-ecs-metadata-token-ttl-seconds", "21600"}},
                                            .header = "X-aliyun-ecs-metadata-token",
                                            .is_optional = true,
                                            .if_disabled = "switch the instance's metadata access on"}};
}

class Alibaba final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "alibaba"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {
            .largest = 32768,
            .source = "https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-runinstances"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "product_name", "Alibaba Cloud ECS")};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const auto value = [&](const char* name) { return client.get_text(std::string("/latest/meta-data/") + name); };
        InstanceMetadata metadata{.platform = "alibaba", .instance_id = value("instance-id")};
        if (metadata.instance_id.empty()) {
            throw bad_document("/latest/meta-data/instance-id", "is not there, or is empty");
        }
        metadata.hostname = value("hostname");
        metadata.region = value("region-id");
        metadata.zone = value("zone-id");
        metadata.instance_type = value("instance/instance-type");
        metadata.image_id = value("image-id");
        metadata.account = value("owner-account-id");
        keep_address(metadata.addresses, value("private-ipv4"));
        keep_address(metadata.addresses, value("eipv4"));
        keep_address(metadata.addresses, value("public-ipv4"));  // of an instance without an elastic one
        client.read_tags_folder(metadata.tags, tags_folder);
        metadata.user_data = client.get("/latest/user-data");
        metadata.user_data_origin = "user-data";
        return metadata;
    }

    /// "Perceive interruption events" of preemptible instances: a time of UTC five minutes before, and 404 until then.
    [[nodiscard]] std::optional<StopNotice> stop_notice(const System& system, const AgentConfig& config,
                                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const std::string at = word_or_nothing(client.get_text("/latest/meta-data/instance/spot/termination-time"));
        const bool is_time = at.find_first_not_of("0123456789") == 4;  // "2018-04-07T17:03:00Z"
        return is_time ? std::optional(StopNotice{"its spot capacity is taken back", at}) : std::nullopt;
    }
};

const Alibaba alibaba;
const Registered<Platform> registered(alibaba);

}  // namespace

}  // namespace bootwright
