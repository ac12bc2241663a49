#pragma once

#include <map>
#include <optional>
#include <string>

namespace bootwright {

/// The name of the document on a volume, at its top.
inline constexpr const char* ovf_environment_file = "ovf-env.xml";

/// What ovf-env.xml tells a virtual machine of itself. Source: DMTF DSP0243, "Open Virtualization Format Specification",
/// clause "OVF environment file". Azure's provisioning agents read one with a section of Azure's own.
/// https://www.dmtf.org/standards/ovf
struct OvfEnvironment {
    std::map<std::string, std::string> properties{};    ///< of this machine, not of its siblings in the same vApp
    std::map<std::string, std::string> provisioning{};  ///< Azure's: "HostName", "CustomData"
};

/// Returns nullopt if `text` is no such document, or has a document type (DTD).
std::optional<OvfEnvironment> parse_ovf_environment(const std::string& text);

}  // namespace bootwright
