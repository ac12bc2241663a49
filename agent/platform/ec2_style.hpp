#pragma once

#include "agent/platform/instance_metadata.hpp"
#include "agent/platform/metadata_service.hpp"

#include <string>

namespace bootwright {

/// Reads a cloud that copied EC2's first metadata service, a file a value: everything below `folder` ("/latest").
/// @throws Error platform.bad_document (transient) if there is no instance-id; as MetadataClient::get
InstanceMetadata read_ec2_style(MetadataClient& client, const std::string& platform, const std::string& folder);

}  // namespace bootwright
