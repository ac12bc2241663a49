#include "agent/platform/ovf_environment.hpp"

#include "common/documents/xml.hpp"

#include <initializer_list>
#include <string_view>
#include <vector>

namespace bootwright {

namespace {

/// True if the element stands in exactly these.
bool stands_in(const std::vector<XmlElement>& path, std::initializer_list<std::string_view> parents) {
    if (path.size() != parents.size() + 1) {
        return false;
    }
    std::size_t level = 0;
    for (const std::string_view name : parents) {
        if (path[level++].name != name) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::optional<OvfEnvironment> parse_ovf_environment(const std::string& text) {
    OvfEnvironment environment;
    bool is_environment = false;
    const bool is_xml = read_xml(text, [&](const std::vector<XmlElement>& path) {
        const XmlElement& element = path.back();
        if (path.size() == 1) {
            is_environment = element.name == "Environment";
        } else if (element.name == "Property" && stands_in(path, {"Environment", "PropertySection"})) {
            const auto key = element.attributes.find("key");
            const auto value = element.attributes.find("value");
            if (key != element.attributes.end() && value != element.attributes.end()) {
                environment.properties[key->second] = value->second;
            }
        } else if (stands_in(path, {"Environment", "ProvisioningSection", "LinuxProvisioningConfigurationSet"})) {
            environment.provisioning[element.name] = element.text;
        }
    });
    return is_xml && is_environment ? std::optional(environment) : std::nullopt;
}

}  // namespace bootwright
