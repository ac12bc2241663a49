#include "agent/puppet/hierarchy.hpp"

#include "agent/puppet/environment.hpp"
#include "common/base/error.hpp"
#include "common/documents/yaml.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

Error refused(const std::string& path, const std::string& why) {
    return permanent_error(
        "puppet.hiera_config", "puppet.hiera_config: " + path + " in Puppet's $codedir " + why,
        "correct puppet.hiera_config of the role config: \"hiera.yaml\", \"NAME/hiera.yaml\" of a repository "
        "beside the control repository, \"environments/production/…\"; or correct the file");
}

bool has_function(const Json& level) {
    constexpr std::array<const char*, 4> functions{"data_hash", "lookup_key", "data_dig", "hiera3_backend"};
    return std::any_of(functions.begin(), functions.end(), [&](const char* name) { return level.contains(name); });
}

Json whole_level(Json level, const Json& defaults, const fs::path& folder) {
    if (!has_function(level)) {
        const Json own = level;
        level = has_function(defaults) ? defaults : Json{{"data_hash", "yaml_data"}};
        level.update(own);
    }
    const std::string own = string_at(level, "datadir");
    const std::string datadir = own.empty() ? string_at(defaults, "datadir") : own;
    level["datadir"] = (folder / (datadir.empty() ? "data" : datadir)).string();
    return level;
}

Json levels_in(const PuppetPlace& place, const RoleConfig& role, const Checkout& checkout) {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    const std::string& path = role.puppet.hiera_config;
    const fs::path file = place.code() / path;
    std::vector<fs::path> pinned{checkout.folder};
    for (const RoleConfig::Beside& each : role.repositories) {
        pinned.push_back(place.code() / each.name);
    }
    const bool is_pinned =
        std::any_of(pinned.begin(), pinned.end(), [&](const fs::path& folder) { return lies_within(file, folder); });
    const auto text = is_pinned ? read_file_if_exists(file, largest) : std::nullopt;
    if (!text) {
        throw refused(path, "is no file of the control repository, or of one beside it");
    }
    const Json document = parse_yaml(*text).value_or(Json());
    if (!document.is_object() || document.value("version", Json()) != 5) {
        throw refused(path, "is no hiera.yaml of version 5");
    }
    const Json usual = Json::array({{{"name", "Common"}, {"path", "common.yaml"}}});
    Json levels = Json::array();
    for (const Json& level : document.value("hierarchy", usual)) {
        if (!level.is_object()) {
            throw refused(path, "has a level that is no mapping");
        }
        levels.push_back(whole_level(level, member_at(document, "defaults"), file.parent_path()));
    }
    return levels;
}

}  // namespace

std::string hiera_config(const PuppetFiles& files, const PuppetPlace& place, const RoleConfig& role,
                         const Checkout& checkout) {
    Json levels = Json::array({{{"name", "bootwright role config"},
                                {"data_hash", "json_data"},
                                {"datadir", files.folder.string()},
                                {"path", "data.json"}}});
    if (!role.puppet.hiera_config.empty()) {
        for (Json& level : levels_in(place, role, checkout)) {
            levels.push_back(std::move(level));
        }
    }
    return to_text({{"version", 5}, {"hierarchy", std::move(levels)}});  // JSON is YAML
}

}  // namespace bootwright
