// OpenStack's config drive: a volume instead of a service. Source of the protocol: OpenStack Nova, "Config drives".
// https://docs.openstack.org/nova/latest/user/metadata.html

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/openstack_document.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/error.hpp"
#include "common/files/volume.hpp"

namespace bootwright {

namespace {

constexpr const char* document_path = "openstack/latest/meta_data.json";
constexpr const char* ec2_path = "ec2/latest/meta-data.json";

class ConfigDrive final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "configdrive"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.largest = 65535,
                .counts_base64 = true,
                .source = "https://docs.openstack.org/nova/stein/user/user-data.html"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {label_evidence(system, "config-2", Rank::drive), label_evidence(system, "CONFIG-2", Rank::drive),
                boot_sector_evidence(system, "config-2", Rank::drive)};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token) const override {
        for (const Evidence& evidence : detect(system, config)) {
            if (evidence.matched) {
                return read_volume(Volume::open(system.path(evidence.path)), system.path(evidence.path).string());
            }
        }
        throw transient_error("platform.seed_missing",
                              "the platform is configdrive, but no volume is labelled config-2",
                              "attach the config drive (`openstack server create --config-drive true`)");
    }

private:
    /// An empty object if the drive has no such part.
    static Json read_ec2(const Volume& volume, const std::string& device) {
        const auto text = volume.read_file_if_exists(ec2_path, largest_user_data);
        Json document = parse_json(text.value_or("{}"));
        if (!document.is_object()) {
            throw no_object(ec2_path, device);
        }
        return document;
    }

    static Error no_object(const char* path, const std::string& device) {
        return transient_error("platform.bad_document",
                               std::string(path) + " of the volume " + device + " is no JSON object",
                               "make the volume anew");
    }

    static InstanceMetadata read_volume(const Volume& volume, const std::string& device) {
        const auto text = volume.read_file_if_exists(document_path, largest_user_data);
        const Json document = parse_json(text.value_or(""));
        if (!document.is_object()) {  // a volume's damaged folder looks empty: that proves nothing
            throw no_object(document_path, device);
        }
        InstanceMetadata metadata = read_openstack_document(document, "configdrive", document_path);
        add_ec2_values(metadata, [ec2 = read_ec2(volume, device)](const char* name) { return text_at(ec2, name); });
        metadata.user_data = volume.read_file_if_exists("openstack/latest/user_data", largest_user_data);
        metadata.user_data_origin = "config drive";
        return metadata;
    }
};

const ConfigDrive config_drive;
const Registered<Platform> registered(config_drive);

}  // namespace

}  // namespace bootwright
