// OVF environments, of VMware's guestinfo, of volumes and of Azure: what is read of one, and what a capture keeps of it.

#include "agent/platform/ovf_environment.hpp"
#include "agent/commands/support/redaction.hpp"
#include "common/documents/xml.hpp"
#include "test/fuzz/fuzz.hpp"

#include <cstddef>
#include <string>
#include <vector>

using namespace bootwright;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    std::size_t bytes = 0;  // of the open elements: what is held at a time
    static_cast<void>(read_xml(text, [&](const std::vector<XmlElement>& path) {
        require(!path.empty() && path.size() <= 32, "an element without a place", text);
        bytes += path.back().text.size();
    }));
    require(bytes <= 3 * size, "text that grew", text);  // UTF-16 has two bytes for three of UTF-8
    const auto environment = parse_ovf_environment(text);
    const std::string kept = redacted_ovf_environment(text);
    const auto again = parse_ovf_environment(kept);
    require(again.has_value() == environment.has_value(), "a captured environment is none", kept);
    if (environment) {
        for (const auto& [key, value] : again->properties) {
            require(environment->properties.contains(key), "a property that nobody set", key);
        }
        require(again->properties.size() <= environment->properties.size() && again->provisioning.size() <= 2,
                "a capture that grew", kept);
    }
    return 0;
}
