#include "agent/config/guards.hpp"

#include "agent/role/keys/role_keys.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>

namespace bootwright {

namespace {

std::string_view section_of(std::string_view name) { return name.substr(0, name.find('.')); }

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> names_where(const std::function<bool(const RoleKey& key)>& is_meant) {
    std::vector<std::string> names;
    for (const RoleKey& key : role_keys()) {
        if (is_meant(key)) {
            names.push_back(key.name);
        }
    }
    return names;
}

std::optional<std::vector<std::string>> read_names(ObjectReader& reader, const JsonDocument& document,
                                                   const std::string& list,
                                                   const std::function<bool(const RoleKey& key)>& is_meant,
                                                   const std::string& why) {
    auto names = reader.strings(list);
    for (std::size_t i = 0; names && i < names->size(); ++i) {
        const std::string& name = names->at(i);
        const RoleKey* key = find_role_key(name);
        if (key != nullptr && is_meant(*key)) {
            continue;
        }
        const std::vector<std::string> candidates = names_where(is_meant);
        const auto meant = nearest(name, candidates);
        const std::string what = key == nullptr ? "\"" + shortened(name, 80) + "\" is no key of the role config" : why;
        const Mistake mistake =
            document.error_at({list, std::to_string(i)}, what,
                              meant ? "did you mean \"" + *meant + "\"?" : "write some of " + joined(candidates, ", "));
        reader.attempt([&] { throw mistake; });
    }
    return names;
}

/// True if in effect only the image may say the key.
bool is_images(const AgentConfig& config, const std::string& name) {
    return is_fixed(config, name) || is_guarded(config, name);
}

/// A pin is bound by signatures, or by a revision that only the image says: an id names its content, a name does not.
void check_pin(const AgentConfig& config, const JsonDocument& document, const std::string& section) {
    const std::string url = section + ".url";
    const std::string revision = section + ".revision";
    if (config.repository.verify != AgentConfig::Repository::Verify::none) {
        return;
    }
    const std::string advice =
        "also fix \"" + revision + "\" and set it to a full commit id, or set repository.verify to ask for signatures";
    if (is_fixed(config, url) && !is_images(config, revision)) {
        throw document.error_at(
            {"fixed"},
            "\"" + url +
                "\" alone binds nothing: a host may serve the commits of a stranger's fork under the URL of the "
                "repository that it was made from, and whoever writes user-data chooses the commit",
            advice);
    }
    const Json* pin = is_fixed(config, revision) ? image_value(config, revision) : nullptr;
    const bool is_id = pin == nullptr || !pin->is_string() || is_commit_id(pin->get_ref<const std::string&>());
    if (!is_id && !(is_images(config, url) && is_images(config, section + ".mirrors"))) {
        throw document.error_at(
            {"fixed"},
            "\"" + revision +
                "\" alone binds nothing: it is the name of a branch or tag, and "
                "whoever writes user-data chooses the place at which it is looked up",
            "write a full commit id there, or also fix \"" + url + "\", and allow no other mirrors");
    }
}

}  // namespace

bool has_demands(const AgentConfig& config) {
    return config.repository.verify != AgentConfig::Repository::Verify::none || !config.fixed.empty();
}

bool is_fixed(const AgentConfig& config, std::string_view name) {
    const RoleKey* key = find_role_key(name);
    return contains(config.fixed, name) || (key != nullptr && key->holds_names && contains(config.fixed, key->name));
}

bool is_guarded(const AgentConfig& config, std::string_view name) {
    const RoleKey* key = find_role_key(name);
    if (key == nullptr || !has_demands(config) || contains(config.allow_from_anywhere, name)) {
        return false;
    }
    const bool leads_past = is_fixed(config, "repository.url") ||
                            (name == "configuration.mirrors" && is_fixed(config, "configuration.url"));
    return key->trust == KeyTrust::guarded || (key->trust == KeyTrust::guarded_by_url && leads_past);
}

const Json* image_value(const AgentConfig& config, std::string_view name) {
    const std::string_view section = section_of(name);
    const Json* found = nullptr;
    for (const JsonDocument& layer : config.role_defaults) {
        const Json& role_config = layer.root.at("role_config");
        const auto value = role_config.find(section);
        if (value == role_config.end()) {
            continue;
        }
        if (section == name) {
            found = &*value;
        } else if (value->is_object() && value->contains(name.substr(section.size() + 1))) {
            found = &value->at(std::string(name.substr(section.size() + 1)));
        }
    }
    return found;
}

void read_key_lists(AgentConfig& config, ObjectReader& reader, const JsonDocument& document) {
    const auto read = [&](std::vector<std::string>& target, const std::string& list, const auto& is_meant,
                          const std::string& why) {
        reader.attempt([&] { target = read_names(reader, document, list, is_meant, why).value_or(target); });
    };
    const auto is_whole = [](const RoleKey& key) { return !key.is_part(); };
    read(config.fixed, "fixed", is_whole, "only the whole value can be fixed, since layers replace it as a whole");
    const auto is_ever_guarded = [](const RoleKey& key) { return key.trust != KeyTrust::anywhere; };
    read(config.allow_from_anywhere, "allow_from_anywhere", is_ever_guarded, "it may come from anywhere already");
}

void check_fixed(const AgentConfig& config, const JsonDocument& document) {
    for (std::size_t i = 0; i < config.fixed.size(); ++i) {
        if (image_value(config, config.fixed[i]) == nullptr) {
            const Mistake mistake = document.error_at(
                {"fixed", std::to_string(i)}, "\"" + config.fixed[i] + "\" is fixed, but the image does not set it",
                "set it in role_config of agent.json, or remove it here");
            attempt(document.mistakes, [&] { throw mistake; });
        }
    }
    for (const char* section : {"repository", "configuration"}) {
        attempt(document.mistakes, [&] { check_pin(config, document, section); });
    }
}

}  // namespace bootwright
