#include "agent/platform/ec2_style.hpp"

#include "agent/platform/document.hpp"

namespace bootwright {

InstanceMetadata read_ec2_style(MetadataClient& client, const std::string& platform, const std::string& folder) {
    const auto value = [&](const char* name) { return client.get_text(folder + "/meta-data/" + name); };
    InstanceMetadata metadata{.platform = platform, .instance_id = value("instance-id")};
    if (metadata.instance_id.empty()) {
        throw bad_document(folder + "/meta-data/instance-id", "is not there, or is empty");
    }
    metadata.hostname = value("local-hostname");
    metadata.zone = value("availability-zone");
    metadata.instance_type = value("service-offering");
    keep_address(metadata.addresses, value("local-ipv4"));
    keep_address(metadata.addresses, value("public-ipv4"));
    metadata.user_data = client.get(folder + "/user-data");
    metadata.user_data_origin = "user-data";
    return metadata;
}

}  // namespace bootwright
