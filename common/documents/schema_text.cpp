#include "common/documents/schema_text.hpp"

#include "common/base/text.hpp"
#include "common/documents/duration.hpp"

namespace bootwright {

namespace {

/// @param more further members; may be empty
std::string typed(std::string_view type, std::string_view more) {
    std::string schema = R"({"type": ")";
    return schema.append(type).append("\"").append(more.empty() ? "" : ", ").append(more).append("}");
}

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

std::string text_schema(std::string_view pattern, std::size_t longest) {
    std::vector<std::string> members;
    if (!pattern.empty()) {
        members.push_back(R"("pattern": )" + in_quotes(pattern));
    }
    if (longest != 0) {
        members.push_back(R"("maxLength": )" + std::to_string(longest));
    }
    return typed("string", joined(members, ", "));
}

std::string flag_schema() { return typed("boolean", ""); }

std::string number_schema(int lowest, int highest) {
    return typed("integer", R"("minimum": )" + std::to_string(lowest) + R"(, "maximum": )" + std::to_string(highest));
}

std::string duration_schema() { return text_schema(duration_pattern); }

std::string choice_schema(const std::vector<std::string>& words) {
    return R"({"enum": [)" + in_quotes(joined(words, R"(", ")")) + "]}";
}

std::string list_schema(const std::string& items, const std::string& more) {
    return typed("array", R"("items": )" + items + (more.empty() ? "" : ", ") + more);
}

std::string object_schema(const std::vector<SchemaProperty>& properties, const std::string& more) {
    std::string members;
    for (const SchemaProperty& property : properties) {
        members += (members.empty() ? "" : ", ") + in_quotes(property.name) + ": " + property.schema;
    }
    return typed("object", R"("properties": {)" + members + R"(}, "additionalProperties": false)" +
                               (more.empty() ? "" : ", ") + more);
}

std::string names_schema(const std::string& names) { return typed("object", R"("propertyNames": {)" + names + "}"); }

}  // namespace bootwright
