// A role config handed over as a systemd credential (systemd.exec(5), LoadCredential=): bare metal, plain QEMU, nspawn.
// The unit imports it from the system's credentials, which come from SMBIOS, fw_cfg or the container manager.

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/platform.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/files/owner.hpp"

#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

constexpr std::string_view credential_name = "bootwright.role_config";

/// An operator's command has no such variable, and must not take this machine for another one than the service does.
constexpr const char* folder_of_service = "/run/credentials/bootwright.service";

/// Below the root.
std::filesystem::path credential_place(const System& system) {
    const auto folder = system.environment.find("CREDENTIALS_DIRECTORY");
    return std::filesystem::path(folder == system.environment.end() ? folder_of_service : folder->second) /
           std::string(credential_name);
}

std::filesystem::path credential_path(const System& system) { return system.path(credential_place(system).string()); }

class Credential final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "credential"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place = "the systemd credential bootwright.role_config", .is_for_cloud_init = false};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        std::error_code error;
        const bool exists = std::filesystem::exists(credential_path(system), error);
        return {{"$CREDENTIALS_DIRECTORY/" + std::string(credential_name),
                 "the systemd credential " + std::string(credential_name) + " is set",
                 exists ? "set" : "(no such credential)", exists, Rank::credential}};
    }

    [[nodiscard]] bool leaves_identity_to(Rank rank) const override { return rank > Rank::role_file; }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig&, std::stop_token) const override {
        InstanceMetadata metadata{.platform = "credential", .instance_id = machine_id(system)};
        metadata.hostname = read_value(system, "/etc/hostname").value_or("");
        metadata.user_data_is_roots = is_roots_alone(system.root, credential_place(system));
        metadata.user_data = read_file_if_exists(credential_path(system), largest_user_data);
        metadata.user_data_origin = "credential " + std::string(credential_name);
        return metadata;
    }
};

const Credential credential;
const Registered<Platform> registered(credential);

}  // namespace

}  // namespace bootwright
