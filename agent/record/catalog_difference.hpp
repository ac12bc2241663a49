#pragma once

#include "common/documents/json.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bootwright {

/// What happens to a value from one document to the other. null: it is not there.
struct ValueChange {
    std::string name;  ///< "mode"; of nested values "config.data.port"
    Json before;
    Json after;
};

/// What happens to a resource from one catalog to the other.
struct ResourceChange {
    enum class Kind { added, removed, changed } kind;
    std::string resource;  ///< "File[/etc/motd]"
    std::string file;      ///< file_of_resource() in the later catalog that has it
    std::uint64_t line = 0;
    std::vector<ValueChange> parameters;  ///< by name; all of an added or removed resource
};

/// "File[/etc/motd]", of a resource as a catalog has it.
std::string name_of_resource(const Json& resource);

/// Where it is declared, from the root of the control repository on: "site-modules/role/manifests/web.pp". Elsewhere the
/// whole path; "": not known.
std::string file_of_resource(const Json& resource);

/// By the resources' names, whatever order the compiler had them in. @param before as catalog.json.gz has them
/// (docs/puppet.md)
std::vector<ResourceChange> catalog_changes(const Json& before, const Json& after);

/// Of two objects, in the order of the names; what is nested is compared value by value.
std::vector<ValueChange> value_changes(const Json& before, const Json& after);

}  // namespace bootwright
