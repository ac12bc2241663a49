#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// An element of an XML document, as it ends. All names are without their namespace: "Property", "key".
struct XmlElement {
    std::string name{};
    std::map<std::string, std::string> attributes{};
    std::string text{};  ///< directly in it, not in its children
};

/// Port: XML (expat). Calls `on_end` for each element, a child before its parent, with the elements that it stands in, the
/// outermost first and the element itself last. Strict and bounded: no document type, and so no entities but the five of
/// XML itself; at most 32 levels. Returns false for anything else, and for what is not well-formed; `on_end` may have been
/// called by then. Expat's own message is not handed on. @throws whatever `on_end` throws
bool read_xml(std::string_view text, const std::function<void(const std::vector<XmlElement>& path)>& on_end);

/// Text as it stands between tags and in attributes (XML 1.0, section 2.4).
std::string xml_escaped(std::string_view text);

}  // namespace bootwright
