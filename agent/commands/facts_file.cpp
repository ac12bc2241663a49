#include "agent/commands/facts_file.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <cstddef>

namespace bootwright {

namespace {

constexpr const char* format_key = "bootwright_facts";
constexpr int format = 1;

bool is_text(const Json& value) { return value.is_string(); }

/// [["networking", "interfaces"], ["lo", "eth0"]]
bool is_order(const Json& entry) {
    return entry.is_array() && entry.size() == 2 && std::all_of(entry.begin(), entry.end(), [](const Json& names) {
               return names.is_array() && std::all_of(names.begin(), names.end(), is_text);
           });
}

}  // namespace

MachineFacts facts_in(const Json& document) {
    MachineFacts found;
    if (const Json& facts = member_at(document, "facts"); facts.is_object()) {
        found.facts = facts;
    }
    if (const Json& order = member_at(document, "order"); order.is_array()) {
        std::copy_if(order.begin(), order.end(), std::back_inserter(found.order), is_order);
    }
    return found;
}

std::string facts_file(const MachineFacts& facts, int run) {
    return to_text({{format_key, format}, {"run", run}, {"facts", facts.facts}, {"order", facts.order}});
}

MachineFacts read_facts_file(const std::string& path) {
    constexpr std::size_t largest = std::size_t{8} << 20U;
    const char* const how = "make it on a machine that bootwright has configured: `bootwright capture --facts FILE`";
    const Json document = JsonDocument::parse(read_file(path, largest), path, "facts.invalid").root;
    const Json& said = member_at(document, format_key);
    if (said.is_number_integer() && said != format) {
        throw permanent_error("facts.invalid",
                              path + " is of another version of bootwright: its format is " + said.dump(), how);
    }
    MachineFacts found = facts_in(document);
    if (said != format || found.facts.empty()) {
        throw permanent_error("facts.invalid", path + " holds no facts as `bootwright capture --facts` writes them",
                              how);
    }
    return found;
}

}  // namespace bootwright
