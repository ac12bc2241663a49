// Amazon EC2. Source of the protocol: the EC2 User Guide, "Use the Instance Metadata Service"; detection rules as in
// "Detect whether a host is an EC2 instance".

#include "agent/platform/platform.hpp"

#include "common/error.hpp"
#include "common/json.hpp"
#include "common/text.hpp"

#include <algorithm>
#include <string>

namespace bootwright {

namespace {

constexpr std::string_view service = "http://169.254.169.254";

/// The token that IMDSv2 wants with each request; without a value where v1 is spoken.
using Token = std::optional<std::string>;

HttpRequest get(std::string_view path, const Token& token) {
    HttpRequest request{.url = std::string(service) + std::string(path), .max_bytes = largest_user_data};
    if (token) {
        request.headers.emplace_back("X-aws-ec2-metadata-token", *token);
    }
    return request;
}

/// What is to stand in a header: visible characters only.
std::string checked_token(std::string_view token) {
    const bool is_visible = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (token.empty() || !is_visible) {
        throw transient_error("platform.bad_document", "what the metadata service gave as a token is none",
                              "nothing to do if it passes: the agent tries again");
    }
    return std::string(token);
}

Token request_token(const System& system, const AgentConfig& config, std::stop_token stop) {
    constexpr std::size_t largest_token = 4096;
    const HttpRequest request{.method = "PUT",
                              .url = std::string(service) + "/latest/api/token",
                              .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}},
                              .max_bytes = largest_token};
    const HttpResponse response = system.http.send(request, stop);
    const std::string status = "PUT /latest/api/token: HTTP status " + std::to_string(response.status);
    switch (response.status) {
        case 200: return checked_token(trimmed(response.body));
        case 403:
            throw permanent_error("platform.metadata_disabled", status + ": the metadata service is switched off",
                                  "switch it on: `aws ec2 modify-instance-metadata-options --http-endpoint enabled`");
        case 404:
        case 405:
            if (config.allow_imdsv1) {
                return std::nullopt;
            }
            throw permanent_error("platform.imdsv2_missing", status + ": this service speaks only IMDSv1",
                                  "if that is intended, set ec2.allow_imdsv1 to true in agent.json");
        default: throw unexpected_answer(request, response);
    }
}

/// GETs with the token, renewing it once where it has expired (401).
class Service {
public:
    Service(const System& system, const AgentConfig& config, std::stop_token stop)
        : system_(system), config_(config), stop_(std::move(stop)), token_(request_token(system, config, stop_)) {}

    std::optional<std::string> get_optional(std::string_view path) {
        try {
            return fetch(system_, get(path, token_), stop_);
        } catch (const Error& error) {
            if (error.code != "platform.token_refused" || !token_) {
                throw;
            }
        }
        token_ = request_token(system_, config_, stop_);
        return fetch(system_, get(path, token_), stop_);
    }

private:
    const System& system_;
    const AgentConfig& config_;
    std::stop_token stop_;
    Token token_;
};

InstanceMetadata parse_identity(const std::optional<std::string>& text) {
    const Json document = Json::parse(text.value_or(""), nullptr, false);
    InstanceMetadata metadata{.platform = "ec2", .instance_id = ""};
    metadata.instance_id = string_at(document, "instanceId");
    metadata.region = string_at(document, "region");
    metadata.zone = string_at(document, "availabilityZone");
    metadata.instance_type = string_at(document, "instanceType");
    metadata.image_id = string_at(document, "imageId");
    metadata.account = string_at(document, "accountId");
    if (metadata.instance_id.empty()) {
        throw transient_error("platform.bad_document",
                              "the instance identity document of the metadata service names no instanceId",
                              "nothing to do if it passes: the agent tries again");
    }
    return metadata;
}

/// `product_uuid` as the guide describes it: "ec2…", or, on some instance types, the same with the bytes of its first
/// group swapped, which counts only where the vendor is Amazon too.
bool is_ec2_uuid(std::string_view uuid) { return lower(uuid).starts_with("ec2"); }

bool is_swapped_ec2_uuid(std::string_view uuid) {
    const std::string first_group = lower(split(uuid, '-').front());
    return first_group.size() == 8 && first_group.ends_with("ec") && first_group[4] == '2';
}

bool is_amazon(std::string_view vendor) { return vendor == "Amazon EC2"; }

class Ec2 final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "ec2"; }
    [[nodiscard]] Precedence precedence() const override { return Precedence::cloud; }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        const bool amazon = is_amazon(read_value(system, "/sys/class/dmi/id/sys_vendor").value_or("")) ||
                            is_amazon(read_value(system, "/sys/class/dmi/id/bios_vendor").value_or(""));
        return {
            file_evidence(system, "/sys/hypervisor/uuid", "hypervisor uuid starts with ec2", is_ec2_uuid),
            file_evidence(system, "/sys/class/dmi/id/product_uuid", "product_uuid starts with ec2", is_ec2_uuid),
            file_evidence(system, "/sys/class/dmi/id/product_uuid",
                          "product_uuid is ec2 with swapped bytes and the vendor is Amazon EC2",
                          [&](std::string_view uuid) { return amazon && is_swapped_ec2_uuid(uuid); }),
        };
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        Service metadata_service(system, config, stop);
        InstanceMetadata metadata =
            parse_identity(metadata_service.get_optional("/latest/dynamic/instance-identity/document"));
        metadata.hostname = trimmed(metadata_service.get_optional("/latest/meta-data/local-hostname").value_or(""));
        metadata.user_data = metadata_service.get_optional("/latest/user-data");
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const Ec2 ec2;
const Registration registration(ec2);

}  // namespace

}  // namespace bootwright
