// LXD and Incus. Source of the protocol: the LXD documentation, "Communication between instance and host".
// https://documentation.ubuntu.com/lxd/latest/dev-lxd/

#include "agent/platform/document.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"
#include "common/documents/yaml.hpp"

#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

constexpr const char* socket_path = "/dev/lxd/sock";

/// "/1.0/config/user.bootwright.role" -> "bootwright.role"; nothing for other keys.
std::optional<std::string> tag_of(const std::string& path) {
    constexpr std::string_view prefix = "/1.0/config/user.";
    const std::string tag = path.starts_with(prefix) ? path.substr(prefix.size()) : "";
    return bootwright_key(tag) ? std::optional(tag) : std::nullopt;
}

class Lxd final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "lxd"; }
    /// A container shows the firmware of its host, which may be a cloud's.
    [[nodiscard]] Precedence precedence() const override { return Precedence::given; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place =
                    "the configuration key cloud-init.user-data (`lxc config set NAME cloud-init.user-data - <FILE`)"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        std::error_code error;
        const bool exists = std::filesystem::exists(system.path(socket_path), error);
        return {{socket_path, "the socket of the host is there", exists ? "there" : "(no such file)", exists}};
    }

    /// Its errors pass quickly: the host is on the same machine.
    [[nodiscard]] RetryPolicy retry_policy() const override {
        return {60, std::chrono::milliseconds(100), std::chrono::milliseconds(1000)};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = {"http://lxd"}, .unix_socket = system.path(socket_path)},
                              std::move(stop));
        constexpr const char* document_path = "/1.0/meta-data";
        const Json document =
            parse_yaml(client.get(document_path).value_or(""), YamlScalars::as_written).value_or(Json());
        InstanceMetadata metadata{.platform = "lxd",
                                  .instance_id = required_id(document, "instance-id", document_path)};
        metadata.hostname = text_at(document, "local-hostname");
        const Json keys = parse_json(client.get("/1.0/config").value_or(""));
        for (const Json& key : keys.is_array() ? keys : Json::array()) {
            const std::string path = key.is_string() ? key.get<std::string>() : "";
            if (const auto tag = tag_of(path)) {
                metadata.tags[*tag] = client.get_text(path);
            }
        }
        metadata.user_data = client.get("/1.0/config/cloud-init.user-data");
        if (!metadata.user_data) {
            metadata.user_data = client.get("/1.0/config/user.user-data");
        }
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const Lxd lxd;
const Registered<Platform> registered(lxd);

}  // namespace

}  // namespace bootwright
