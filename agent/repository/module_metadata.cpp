#include "agent/repository/module_metadata.hpp"

#include "agent/repository/version_range.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t most_needs = 50;  // of each kind: all must fit into a line of the child
constexpr std::size_t longest_name = 100;
constexpr std::size_t longest_problem = 300;

/// What is wrong, the first of it.
class Problem {
public:
    void add(const std::string& text) { text_ = text_.empty() ? text : text_; }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string text_{};
};

bool is_module_name(const std::string& name) { return is_made_of(name, "_-", longest_name); }

/// @param key "dependencies"
std::vector<ModuleNeed> read_needs(const Json& document, const char* key, Problem& problem) {
    const Json& list = member_at(document, key);
    if (list.is_null()) {
        return {};
    }
    if (!list.is_array() || list.size() > most_needs) {
        problem.add(std::string(key) + " is no list, or too long");
        return {};
    }
    std::vector<ModuleNeed> needs;
    for (const Json& entry : list) {
        ModuleNeed need{.name = string_at(entry, "name"), .range = string_at(entry, "version_requirement")};
        std::replace(need.name.begin(), need.name.end(), '/', '-');
        if (!is_module_name(need.name)) {
            problem.add(std::string(key) + " has an entry without a name");
            continue;
        }
        if (!VersionRange::parse(need.range)) {
            problem.add(need.name + " has the version_requirement \"" + printable(shortened(need.range, longest_name)) +
                        "\", which is none");
            need.range.clear();
        }
        needs.push_back(std::move(need));
    }
    return needs;
}

}  // namespace

ModuleMetadata read_module_metadata(const Json& document) {
    if (!document.is_object()) {
        return {.problem = "it is no JSON object"};
    }
    Problem problem;
    ModuleMetadata metadata{.version = string_at(document, "version")};
    if (!SemanticVersion::parse(metadata.version)) {
        problem.add("its version is none such as 1.2.3");
        metadata.version.clear();
    }
    metadata.dependencies = read_needs(document, "dependencies", problem);
    metadata.requirements = read_needs(document, "requirements", problem);
    metadata.problem = problem.take();
    return metadata;
}

Json to_json(const ModuleMetadata& metadata) {
    const auto listed = [](const std::vector<ModuleNeed>& needs) {
        Json list = Json::array();
        for (const ModuleNeed& need : needs) {
            list.push_back({{"name", need.name}, {"version_requirement", need.range}});
        }
        return list;
    };
    return {{"version", metadata.version},
            {"dependencies", listed(metadata.dependencies)},
            {"requirements", listed(metadata.requirements)},
            {"problem", metadata.problem}};
}

ModuleMetadata module_metadata_from_json(const Json& json) {
    ModuleMetadata metadata = read_module_metadata(json);
    metadata.problem = printable(shortened(string_at(json, "problem"), longest_problem));
    return metadata;
}

}  // namespace bootwright
