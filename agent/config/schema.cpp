#include "agent/config/schema.hpp"

#include "agent/config/agent_keys.hpp"

#include <cstddef>
#include <string>

namespace bootwright {

namespace {

/// Markdown's "[text](where)" is "text".
std::string without_links(std::string text) {
    for (std::size_t middle = text.find("]("); middle != std::string::npos; middle = text.find("](")) {
        const std::size_t begin = text.rfind('[', middle);
        const std::size_t end = text.find(')', middle);
        text.erase(middle, end - middle + 1).erase(begin, 1);
    }
    return text;
}

Json empty_object() { return {{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}}; }

/// The schema of the object that the key stands in; its sections are made as they come.
Json& object_of(const std::string& name, Json& whole) {
    Json* object = &whole;
    for (std::size_t begin = 0, dot = name.find('.'); dot != std::string::npos; dot = name.find('.', begin)) {
        Json& section = (*object)["properties"][name.substr(begin, dot - begin)];
        if (section.is_null()) {
            section = empty_object();
        }
        object = &section;
        begin = dot + 1;
    }
    return *object;
}

}  // namespace

Json agent_schema() {
    const AgentConfig defaults;
    Json schema = empty_object();
    for (const AgentKey& key : agent_keys()) {
        Json entry = key.schema;
        entry["description"] = without_links(key.meaning);
        if (key.value && key.otherwise.empty()) {
            entry["default"] = key.value(defaults);
        }
        object_of(key.name, schema)["properties"][key.name.substr(key.name.rfind('.') + 1)] = std::move(entry);
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["title"] = "bootwright's agent.json";
    return schema;
}

}  // namespace bootwright
