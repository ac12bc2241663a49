#include "agent/platform/openstack_document.hpp"

#include "agent/platform/document.hpp"

namespace bootwright {

InstanceMetadata read_openstack_document(const Json& document, const std::string& platform, const std::string& called) {
    InstanceMetadata metadata{.platform = platform, .instance_id = required_id(document, "uuid", called)};
    metadata.hostname = text_at(document, "hostname");
    metadata.zone = text_at(document, "availability_zone");
    metadata.account = text_at(document, "project_id");
    add_tags(metadata, object_at(document, "/meta"));
    return metadata;
}

}  // namespace bootwright
