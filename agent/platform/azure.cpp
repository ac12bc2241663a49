// Microsoft Azure. Source of the protocol: Microsoft Learn, "Azure Instance Metadata Service".
// https://learn.microsoft.com/en-us/azure/virtual-machines/instance-metadata-service
// Custom data: Microsoft Learn, "Custom data and cloud-init on Azure Virtual Machines", and Microsoft's blog, "Custom Data and
// Cloud-Init on Microsoft Azure", which says where it is left.
// https://learn.microsoft.com/en-us/azure/virtual-machines/custom-data
// https://azure.microsoft.com/blog/2014/04/21/custom-data-and-cloud-init-on-windows-azure/

#include "agent/platform/container.hpp"
#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/ovf_environment.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/files/owner.hpp"
#include "common/files/volume.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

constexpr const char* newest = "/metadata/instance?api-version=2021-08-01&extended=true";
constexpr const char* token_path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=";
constexpr const char* events_path = "/metadata/scheduledevents?api-version=2020-07-01";
constexpr const char* oldest = "/metadata/instance?api-version=2019-06-01";

MetadataService service() {
    // It answers 404, 410 and 429 while it is being set up or is busy: no status proves that something is absent.
    return {.endpoints = {"http://169.254.169.254"}, .headers = {{"Metadata", "true"}}, .absent = {}};
}

void read_addresses(InstanceMetadata& metadata, const Json& document) {
    std::vector<std::string> external;
    for (const char* family : {"ipv4", "ipv6"}) {
        for (const Json& interface : list_at(document, "/network/interface")) {
            for (const Json& address : list_at(interface, std::string("/") + family + "/ipAddress")) {
                keep_address(metadata.addresses, text_at(address, "privateIpAddress"));
                keep_address(external, text_at(address, "publicIpAddress"));
            }
        }
    }
    metadata.addresses.insert(metadata.addresses.end(), external.begin(), external.end());
}

/// What came with the machine when it was created. The service does not tell it.
struct CustomData {
    std::string text;    ///< decoded
    std::string origin;  ///< for people
};

std::string custom_data_in(const OvfEnvironment& environment) {
    const auto found = environment.provisioning.find("CustomData");
    return found == environment.provisioning.end() ? "" : decoded_user_data(std::string(trimmed(found->second)));
}

/// The link to the medium that Azure attaches until the machine is provisioned, below the root; "" if there is none.
std::string provisioning_medium(const System& system) {
    const std::string folder = "/dev/disk/by-label";
    std::string medium;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(system.path(folder), error)) {
        const std::string label = entry.path().filename();
        medium = label.starts_with("rd_rdfe_") ? std::max(medium, folder + "/" + label) : medium;
    }
    return medium;
}

/// @throws Error volume.unreadable, platform.bad_document (transient)
std::optional<CustomData> read_medium(const System& system, const std::string& medium) {
    const Volume volume = Volume::open(system.path(medium), {"udf", "iso9660"});
    const auto environment =
        parse_ovf_environment(volume.read_file_if_exists(ovf_environment_file, largest_user_data).value_or(""));
    if (!environment) {  // a volume's damaged folder looks empty: that proves nothing
        throw transient_error(
            "platform.bad_document",
            std::string(ovf_environment_file) + " of the provisioning medium " + medium + " is no OVF environment",
            "nothing to do if it passes; else give the role in userData or in tags");
    }
    std::string text = custom_data_in(*environment);
    if (text.empty()) {
        text = decoded_user_data(volume.read_file_if_exists("CustomData.bin", largest_user_data).value_or(""));
    }
    return text.empty() ? std::nullopt : std::optional(CustomData{text, "custom data of the provisioning medium"});
}

/// A file that the provisioning agent has left. @throws Error io.*, platform.bad_document (permanent) if others than root
/// could have written it
std::optional<std::string> read_left(const System& system, const std::string& path) {
    std::error_code error;
    const auto status = std::filesystem::symlink_status(system.path(path), error);
    if (status.type() == std::filesystem::file_type::not_found) {
        return std::nullopt;
    }
    if (error) {  // it cannot be looked at, which is no absence
        throw system_call_error("look at", path, error.value());
    }
    if (!is_roots_alone(system.root, path)) {
        throw permanent_error("platform.bad_document",
                              path + " could have been written by others than root, so its custom data is not believed",
                              "it and each folder on the way must be root's, no links, and writable for root alone");
    }
    return read_file_if_exists(system.path(path), largest_user_data);
}

/// What a provisioning agent, Azure's own or cloud-init, has left on the disk. It counts if it names this computer: the disk may
/// be a copy of another machine's.
std::optional<CustomData> read_left_by_agent(const System& system, const std::string& computer) {
    const std::string folder = "/var/lib/waagent/";
    const auto document = read_left(system, folder + ovf_environment_file);
    if (!document) {
        return std::nullopt;
    }
    const auto environment = parse_ovf_environment(*document);
    if (!environment) {
        throw transient_error("platform.bad_document", folder + ovf_environment_file + " is no OVF environment",
                              "nothing to do if it passes, as it may be being written; else remove it");
    }
    const auto name = environment->provisioning.find("HostName");
    if (name == environment->provisioning.end() || computer.empty() || lower(name->second) != lower(computer)) {
        return std::nullopt;
    }
    if (std::string text = custom_data_in(*environment); !text.empty()) {
        return CustomData{text, "custom data in " + folder + ovf_environment_file};
    }
    const std::string text = decoded_user_data(read_left(system, folder + "CustomData").value_or(""));
    return text.empty() ? std::nullopt : std::optional(CustomData{text, "custom data in " + folder + "CustomData"});
}

std::optional<CustomData> read_custom_data(const System& system, const std::string& computer) {
    const std::string medium = container(system) ? "" : provisioning_medium(system);  // a container's is its host's
    const auto custom_data = medium.empty() ? std::nullopt : read_medium(system, medium);
    return custom_data ? custom_data : read_left_by_agent(system, computer);
}

class Azure final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "azure"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 65536,
                .counts_base64 = true,
                .source = "https://learn.microsoft.com/en-us/azure/virtual-machines/user-data",
                .place = "userData (`az vm create --user-data FILE`); custom data is read within limits"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {dmi_is(system, "chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77")};
    }

    [[nodiscard]] std::optional<HttpRequest> probe(const System&) const override {
        return HttpRequest{.url = service().endpoints.front().with_target(oldest), .headers = service().headers};
    }
    [[nodiscard]] bool proves(const HttpResponse& response) const override {
        const Json document = parse_json(response.body);
        return response.status == 200 && !text_at(object_at(document, "/compute"), "vmId").empty();
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const Json document = client.get_object_of_version({newest, oldest}).first;
        const Json& compute = object_at(document, "/compute");
        InstanceMetadata metadata{.platform = "azure", .instance_id = required_id(compute, "vmId", "compute")};
        metadata.hostname = text_at(object_at(compute, "/osProfile"), "computerName");
        const std::string computer = metadata.hostname.empty() ? text_at(compute, "name") : metadata.hostname;
        metadata.region = text_at(compute, "location");
        metadata.zone = text_at(compute, "zone");
        metadata.instance_type = text_at(compute, "vmSize");
        metadata.account = text_at(compute, "subscriptionId");
        metadata.image_id = text_at(object_at(compute, "/storageProfile/imageReference"), "id");
        for (const Json& tag : list_at(compute, "/tagsList")) {
            metadata.tags[text_at(tag, "name")] = text_at(tag, "value");
        }
        read_addresses(metadata, document);
        metadata.user_data_origin = "userData";
        if (const std::string user_data = text_at(compute, "userData"); !user_data.empty()) {
            metadata.user_data = decoded_user_data(user_data);
        } else if (auto custom_data = read_custom_data(system, computer)) {
            metadata.user_data = std::move(custom_data->text);
            metadata.user_data_origin = std::move(custom_data->origin);
        }
        return metadata;
    }

    /// "Azure Metadata Service: Scheduled Events for Linux VMs": each machine of a scale set or an availability set is told of the
    /// events of all, by name. The first question of a machine's life switches them on, and may take two minutes.
    [[nodiscard]] std::optional<StopNotice> stop_notice(const System& system, const AgentConfig& config,
                                                        std::stop_token stop) const override {
        MetadataClient client(system, config, service(), std::move(stop));
        const Json document = client.get_object(events_path);
        std::string own_name;
        for (const Json& event : list_at(document, "/Events")) {
            const std::string type = text_at(event, "EventType");
            if (type != "Preempt" && type != "Terminate") {
                continue;
            }
            if (own_name.empty()) {
                const Json instance = client.get_object_of_version({newest, oldest}).first;
                own_name = lower(required_id(object_at(instance, "/compute"), "name", "compute"));
            }
            for (const Json& resource : list_at(event, "/Resources")) {
                if (resource.is_string() && lower(resource.get<std::string>()) == own_name) {
                    return StopNotice{type == "Preempt" ? "its spot capacity is taken back" : "it is deleted",
                                      shortened(text_at(event, "NotBefore"), 40)};
                }
            }
        }
        return std::nullopt;
    }

    /// "How to use managed identities to acquire an access token": a token for each kind of service. The status 400 is the
    /// service's own word for "no identity", and also for "several, and you did not say which".
    [[nodiscard]] std::optional<CloudIdentity> identity(const System& system, const AgentConfig& config,
                                                        CloudService asked, std::stop_token stop) const override {
        const std::string path =
            token_path +
            std::string(asked == CloudService::object_store ? "https://storage.azure.com/" : "https://vault.azure.net");
        MetadataService with_absence = service();
        with_absence.absent = {400};
        const auto answer = MetadataClient(system, config, std::move(with_absence), std::move(stop)).get(path);
        if (!answer) {
            throw no_identity_role(path,
                                   "give the machine one managed identity: `az vm identity assign`; where it has "
                                   "several, assign the system's own too, which then counts");
        }
        return CloudIdentity{.bearer_token = required_secret(parse_json(*answer), "access_token", path)};
    }
};

const Azure azure;
const Registered<Platform> registered(azure);

}  // namespace

}  // namespace bootwright
