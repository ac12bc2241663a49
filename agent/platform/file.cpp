// A role config on the disk: on a machine without a cloud, or in the place of the user-data of one.

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

class File final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "file"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place = "/etc/bootwright/role.json, mode 0600", .is_for_cloud_init = false};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig& config) const override {
        std::error_code error;
        const bool exists = std::filesystem::is_regular_file(system.path(config.role_file.string()), error);
        return {{config.role_file.string(), config.role_file.string() + " exists", exists ? "a file" : "(no such file)",
                 exists, Rank::role_file}};
    }

    [[nodiscard]] bool leaves_identity_to(Rank rank) const override { return rank > Rank::role_file; }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token) const override {
        const std::string path = config.role_file.string();
        InstanceMetadata metadata{.platform = "file", .instance_id = machine_id(system)};
        metadata.hostname = read_value(system, "/etc/hostname").value_or("");
        metadata.user_data_is_roots = is_roots_alone(system.root, path);
        metadata.user_data = read_file_if_exists(system.path(path), largest_user_data);
        metadata.user_data_origin = path;
        return metadata;
    }
};

const File file;
const Registered<Platform> registered(file);

}  // namespace

}  // namespace bootwright
