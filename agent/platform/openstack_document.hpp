#pragma once

#include "agent/platform/instance_metadata.hpp"

#include <functional>
#include <string>

namespace bootwright {

/// What OpenStack's meta_data.json says, from the metadata service and from a config drive alike. Source: OpenStack
/// Nova, "Metadata". KubeVirt writes one, too, with an instance_type, and perhaps an instance_id for the uuid.
/// https://github.com/kubevirt/kubevirt/blob/main/pkg/cloud-init/cloud-init.go
/// @throws Error platform.bad_document (transient) if it names no uuid
InstanceMetadata read_openstack_document(const Json& document, const std::string& platform, const std::string& called);

/// What only the part says that is like EC2's. @param value of its meta-data: "public-ipv4"; "" if there is none
void add_ec2_values(InstanceMetadata& metadata, const std::function<std::string(const char* name)>& value);

}  // namespace bootwright
