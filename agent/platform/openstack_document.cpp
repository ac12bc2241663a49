#include "agent/platform/openstack_document.hpp"

#include "agent/platform/document.hpp"

namespace bootwright {

InstanceMetadata read_openstack_document(const Json& document, const std::string& platform, const std::string& called) {
    const bool has_kubevirts_id = text_at(document, "uuid").empty() && !text_at(document, "instance_id").empty();
    const char* const id = has_kubevirts_id ? "instance_id" : "uuid";
    InstanceMetadata metadata{.platform = platform, .instance_id = required_id(document, id, called)};
    metadata.hostname = text_at(document, "hostname");
    metadata.instance_type = text_at(document, "instance_type");
    metadata.zone = text_at(document, "availability_zone");
    metadata.account = text_at(document, "project_id");
    add_tags(metadata, object_at(document, "/meta"));
    return metadata;
}

void add_ec2_values(InstanceMetadata& metadata, const std::function<std::string(const char* name)>& value) {
    if (metadata.instance_type.empty()) {
        metadata.instance_type = value("instance-type");
    }
    keep_address(metadata.addresses, value("local-ipv4"));
    keep_address(metadata.addresses, value("public-ipv4"));
}

}  // namespace bootwright
