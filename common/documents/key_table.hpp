#pragma once

#include "common/documents/json.hpp"

#include <set>
#include <string>
#include <vector>

namespace bootwright {

// What tables of the keys of a configuration share. A key has a `name` ("repository.url") and a `read`, which may be null.

/// What names the JSON Schema of a document, to the editors that ask for it. It means nothing to a program.
constexpr const char* schema_key = "$schema";

/// The place of a value in a configuration.
template <typename Whole, typename Value>
auto at(Value Whole::*value) {
    return [value](auto& whole) -> auto& { return whole.*value; };
}
template <typename Whole, typename Section, typename Value>
auto at(Section Whole::*section, Value Section::*value) {
    return [ section, value ](auto& whole) -> auto& { return whole.*section.*value; };
}

/// Walks the keys whose names begin with `prefix` ("", or "retry."), in the order of the table, and calls `read` with each that
/// has one, the object that it stands in, and its word there. `reader` is the object at `prefix`, whose finish() is the caller's.
/// @throws Mistake for a section that is no object, or has an unknown key; what `read` throws
template <typename Key, typename Read>
void read_table(const std::vector<Key>& keys, ObjectReader& reader, const std::string& prefix, const Read& read) {
    std::set<std::string> sections;
    for (const Key& key : keys) {
        if (!key.name.starts_with(prefix) || !key.read) {
            continue;
        }
        const std::string name = key.name.substr(prefix.size());
        const std::string section = name.substr(0, name.find('.'));
        if (section == name) {
            reader.attempt([&] { read(key, reader, name); });
        } else if (sections.insert(section).second) {
            reader.attempt([&] {
                if (auto inner = reader.object(section)) {
                    read_table(keys, *inner, prefix + section + ".", read);
                    inner->finish();
                }
            });
        }
    }
}

}  // namespace bootwright
