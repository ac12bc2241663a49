// LXD and Incus. Source of the protocol: the LXD documentation, "Communication between instance and host", and that of
// Incus, whose socket has another path.
// https://documentation.ubuntu.com/lxd/latest/dev-lxd/
// https://linuxcontainers.org/incus/docs/main/dev-incus/

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/error.hpp"
#include "common/documents/yaml.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

constexpr std::array<const char*, 2> sockets{"/dev/lxd/sock", "/dev/incus/sock"};

/// The ports by which the agent in a virtual machine speaks with its host. It makes the socket once it runs.
constexpr std::array<std::string_view, 3> ports{"com.canonical.lxd", "org.linuxcontainers.lxd",
                                                "org.linuxcontainers.incus"};
constexpr const char* ports_folder = "/sys/class/virtio-ports";

/// The port by which this is a virtual machine of LXD or Incus; "" without one.
std::string guest_port(const System& system) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(system.path(ports_folder), error)) {
        const std::string file = std::string(ports_folder) + "/" + entry.path().filename().string() + "/name";
        const auto name = read_value(system, file);
        if (name && std::find(ports.begin(), ports.end(), *name) != ports.end()) {
            return file;
        }
    }
    return "";
}

/// @throws Error platform.socket_missing (transient): an agent in the guest may make it later
std::filesystem::path socket_of_host(const System& system) {
    for (const char* socket : sockets) {
        std::error_code error;
        if (std::filesystem::exists(system.path(socket), error)) {
            return system.path(socket);
        }
    }
    throw transient_error("platform.socket_missing",
                          "the platform is lxd, but neither /dev/lxd/sock nor /dev/incus/sock is there yet",
                          "nothing to do if it passes: in a virtual machine the guest's agent makes it; else look at "
                          "`systemctl status lxd-agent incus-agent`, and on the host at security.devlxd or "
                          "security.guestapi of this instance");
}

/// "/1.0/config/user.bootwright.role" -> "bootwright.role"; nothing for other keys.
std::optional<std::string> tag_of(const std::string& path) {
    constexpr std::string_view prefix = "/1.0/config/user.";
    const std::string tag = path.starts_with(prefix) ? path.substr(prefix.size()) : "";
    return bootwright_key(tag) ? std::optional(tag) : std::nullopt;
}

/// The paths of the instance's keys. @throws Error platform.bad_document (transient) for what is no list of them
Json config_keys(MetadataClient& client) {
    constexpr const char* path = "/1.0/config";
    const auto answer = client.get(path);
    Json keys = answer ? parse_json(*answer) : Json::array();
    if (!keys.is_array()) {  // cut off, it proves no absence
        throw bad_document(path, "is no list of keys");
    }
    return keys;
}

class Lxd final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "lxd"; }
    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place =
                    "the configuration key cloud-init.user-data (`lxc config set NAME cloud-init.user-data - <FILE`)"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        const std::string port = guest_port(system);
        return {
            presence_evidence(system, sockets[0], "the socket of LXD is there", Rank::guest_socket),
            presence_evidence(system, sockets[1], "the socket of Incus is there", Rank::guest_socket),
            {port.empty() ? ports_folder : port, "a virtio port is that of LXD or Incus",
             port.empty() ? "(no such port)" : read_value(system, port).value_or(""), !port.empty(), Rank::guest_port}};
    }

    /// Its errors pass quickly: the host is on the same machine.
    [[nodiscard]] RetryPolicy retry_policy() const override {
        return {60, std::chrono::milliseconds(100), std::chrono::milliseconds(1000)};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = {"http://lxd"}, .unix_socket = socket_of_host(system)},
                              std::move(stop));
        constexpr const char* document_path = "/1.0/meta-data";
        const Json document =
            parse_yaml(client.get(document_path).value_or(""), YamlScalars::as_written).value_or(Json());
        InstanceMetadata metadata{.platform = "lxd",
                                  .instance_id = required_id(document, "instance-id", document_path)};
        metadata.hostname = text_at(document, "local-hostname");
        for (const Json& key : config_keys(client)) {
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
