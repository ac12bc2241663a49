#include "agent/config/schema.hpp"

#include "agent/config/agent_keys.hpp"
#include "agent/role/keys/role_keys.hpp"
#include "common/documents/key_table.hpp"
#include "common/documents/schema_text.hpp"

#include <cstddef>
#include <string>
#include <utility>

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

Json empty_object() { return Json::parse(object_schema({})); }

/// The schema of the object that the key is in; makes its sections as they come.
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

/// Puts what may be at a key into the schema of the whole.
void add(Json& whole, const std::string& name, const std::string& schema, std::string_view meaning,
         const Json& otherwise) {
    Json entry = Json::parse(schema);
    entry["description"] = without_links(std::string(meaning));
    if (!otherwise.is_null()) {
        entry["default"] = otherwise;
    }
    object_of(name, whole)["properties"][name.substr(name.rfind('.') + 1)] = std::move(entry);
}

/// A document with a key that names its schema.
Json empty_document() { return Json::parse(object_schema({{schema_key, text_schema()}})); }

Json role_config_schema() {
    const RoleConfig defaults;
    Json schema = empty_document();
    for (const RoleKey& key : role_keys()) {
        if (!key.is_part()) {
            const Json value = key.value(defaults);
            const bool is_said = value.is_string() ? !value.get_ref<const std::string&>().empty() : !value.empty();
            add(schema, key.name, key.schema, key.meaning, is_said ? value : Json());
        }
    }
    return schema;
}

Json titled(Json schema, const char* title) {
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["title"] = title;
    return schema;
}

}  // namespace

Json agent_schema() {
    const AgentConfig defaults;
    Json schema = empty_document();
    for (const AgentKey& key : agent_keys()) {
        const bool has_default = key.value && key.otherwise.empty();
        add(schema, key.name, key.schema, key.meaning, has_default ? key.value(defaults) : Json());
    }
    schema["properties"]["role_config"].update(role_config_schema());
    return titled(std::move(schema), "bootwright's agent.json");
}

Json role_schema() { return titled(role_config_schema(), "bootwright's role config"); }

}  // namespace bootwright
