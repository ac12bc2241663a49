#include "agent/record/catalog_difference.hpp"

#include <array>
#include <map>
#include <set>
#include <string_view>

namespace bootwright {

namespace {

/// The resources of a catalog by name.
std::map<std::string, const Json*> resources_of(const Json& catalog) {
    std::map<std::string, const Json*> resources;
    for (const Json& resource : member_at(catalog, "resources")) {
        resources[name_of_resource(resource)] = &resource;
    }
    return resources;
}

/// The values of nested objects, by names such as "a.b". An empty object has none.
// NOLINTNEXTLINE(misc-no-recursion): it goes no deeper than parse_json() lets through
void flatten(const Json& json, const std::string& name, std::map<std::string, const Json*>& values) {
    if (!json.is_object()) {
        values[name] = &json;
        return;
    }
    for (const auto& [key, value] : json.items()) {
        flatten(value, name.empty() ? key : name + "." + key, values);
    }
}

template <typename Value>
std::set<std::string> names_of(const std::map<std::string, Value>& one, const std::map<std::string, Value>& other) {
    std::set<std::string> names;
    for (const auto* map : {&one, &other}) {
        for (const auto& [name, value] : *map) {
            names.insert(name);
        }
    }
    return names;
}

const Json* find(const std::map<std::string, const Json*>& values, const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second;
}

Json value_or_null(const Json* value) { return value == nullptr ? Json() : *value; }

/// One level: a parameter that is a hash is one value.
std::vector<ValueChange> parameter_changes(const Json* before, const Json* after) {
    const auto parameters = [](const Json* resource) {
        std::map<std::string, const Json*> values;
        if (resource != nullptr && member_at(*resource, "parameters").is_object()) {
            for (const auto& [name, value] : member_at(*resource, "parameters").items()) {
                values[name] = &value;
            }
        }
        return values;
    };
    const auto old_values = parameters(before);
    const auto new_values = parameters(after);
    std::vector<ValueChange> changes;
    for (const std::string& name : names_of(old_values, new_values)) {
        ValueChange change{name, value_or_null(find(old_values, name)), value_or_null(find(new_values, name))};
        if (change.before != change.after) {
            changes.push_back(std::move(change));
        }
    }
    return changes;
}

}  // namespace

std::string name_of_resource(const Json& resource) {
    return string_at(resource, "type") + "[" + string_at(resource, "title") + "]";
}

std::string file_of_resource(const Json& resource) {
    // Where Puppet finds the checkout: as its environment; or, if that is a folder of it, itself.
    constexpr std::array<std::string_view, 2> above{"/bootwright/puppet/code/environments/", "/bootwright/checkout/"};
    const std::string file = string_at(resource, "file");
    for (const std::string_view folder : above) {
        const std::size_t found = file.find(folder);
        const std::size_t root = found == std::string::npos ? found : file.find('/', found + folder.size());
        if (root != std::string::npos) {
            return file.substr(root + 1);
        }
    }
    return file;
}

std::vector<ResourceChange> catalog_changes(const Json& before, const Json& after) {
    const auto old_resources = resources_of(before);
    const auto new_resources = resources_of(after);
    std::vector<ResourceChange> changes;
    for (const std::string& name : names_of(old_resources, new_resources)) {
        const Json* was = find(old_resources, name);
        const Json* is = find(new_resources, name);
        auto parameters = parameter_changes(was, is);
        if (was != nullptr && is != nullptr && parameters.empty()) {
            continue;
        }
        using Kind = ResourceChange::Kind;
        const Json known = value_or_null(is == nullptr ? was : is);
        changes.push_back({was == nullptr  ? Kind::added
                           : is == nullptr ? Kind::removed
                                           : Kind::changed,
                           name, file_of_resource(known), number_at(known, "line"), std::move(parameters)});
    }
    return changes;
}

std::vector<ValueChange> value_changes(const Json& before, const Json& after) {
    std::map<std::string, const Json*> old_values;
    std::map<std::string, const Json*> new_values;
    if (before.is_object()) {
        flatten(before, "", old_values);
    }
    if (after.is_object()) {
        flatten(after, "", new_values);
    }
    std::vector<ValueChange> changes;
    for (const std::string& name : names_of(old_values, new_values)) {
        const Json* was = find(old_values, name);
        const Json* is = find(new_values, name);
        if (was == nullptr || is == nullptr || *was != *is) {
            changes.push_back({name, value_or_null(was), value_or_null(is)});
        }
    }
    return changes;
}

}  // namespace bootwright
