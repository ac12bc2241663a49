#pragma once

#include "agent/platform/instance_metadata.hpp"

#include <string>

namespace bootwright {

/// What OpenStack's meta_data.json says, from the metadata service and from a config drive alike. Source: OpenStack
/// Nova, "Metadata". @throws Error platform.bad_document (transient) if it names no uuid
InstanceMetadata read_openstack_document(const Json& document, const std::string& platform, const std::string& called);

}  // namespace bootwright
