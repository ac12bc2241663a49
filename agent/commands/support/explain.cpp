#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/config/config.hpp"
#include "agent/config/guards.hpp"
#include "agent/platform/detection.hpp"
#include "agent/platform/platform.hpp"
#include "agent/role/keys/role_keys.hpp"
#include "agent/role/role_layers.hpp"
#include "agent/role/shown_role.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

std::string padded(const std::string& text, std::size_t width) {
    return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

Json rules_json(const Detection& detection) {
    Json rules = Json::array();
    for (const auto& [platform, evidence, chosen_by] : detection.rules) {
        rules.push_back({{"platform", platform->name()},
                         {"path", evidence.path},
                         {"rule", evidence.rule},
                         {"seen", evidence.seen},
                         {"matched", evidence.matched}});
    }
    return rules;
}

Json probes_json(const Detection& detection) {
    Json probes = Json::array();
    for (const auto& [platform, request, seen] : detection.probes) {
        probes.push_back({{"platform", platform->name()}, {"request", request}, {"seen", seen}});
    }
    return probes;
}

constexpr const char* not_shown = "(not shown)";

/// A fact may hold a secret at any depth.
Json without_secrets(Json value) {
    const bool is_object = value.is_object();
    for (auto& [name, inner] : value.items()) {
        if (is_object && is_secret_name(name)) {
            inner = not_shown;
        } else if (inner.is_structured()) {
            inner = without_secrets(std::move(inner));
        }
    }
    return value;
}

/// The value at "repository.url" or "facts.NAME". What Hiera gets is never shown.
Json value_at(const Json& config, const std::string& path) {
    const std::size_t dot = path.find('.');
    const std::string section = path.substr(0, dot);
    if (section == "data") {
        return not_shown;
    }
    const Json& whole = config.at(section);
    const std::string name = dot == std::string::npos ? "" : path.substr(dot + 1);
    return name.empty()                                ? whole
           : is_secret_name(name)                      ? Json(not_shown)
           : whole.is_object() && whole.contains(name) ? without_secrets(whole.at(name))
                                                       : Json();
}

Json role_json(const RoleConfig& role) {
    const Json config = to_json(role).at("config");
    Json values = Json::array();
    for (const auto& [path, origin] : role.origins) {
        values.push_back({{"path", path},
                          {"value", value_at(config, path)},
                          {"origin", origin},
                          {"speaker", to_string(role.speakers.at(origin))}});
    }
    return values;
}

/// Who may say each key of the role config on this image.
Json keys_json(const AgentConfig& config) {
    Json keys = Json::array();
    for (const RoleKey& key : role_keys()) {
        const std::string whole = key.is_part() ? key.name.substr(0, key.name.rfind('.')) : key.name;
        const char* who = is_fixed(config, whole)        ? "image"
                          : is_guarded(config, key.name) ? "image, proven, root"
                                                         : "anyone";
        keys.push_back({{"key", key.name}, {"may_be_said_by", who}});
    }
    for (const std::string& name : config.fixed) {
        if (find_role_key(name)->name != name) {  // facts.NAME, data.NAME
            keys.push_back({{"key", name}, {"may_be_said_by", "image"}});
        }
    }
    return keys;
}

/// Each part as far as it comes: an error takes the place of what failed.
Json explain(const System& system) {
    Json result{{"platform", nullptr},    {"chosen_by", nullptr},    {"container", nullptr},
                {"rules", Json::array()}, {"probes", Json::array()}, {"instance", nullptr},
                {"role_config", nullptr}, {"keys", nullptr},         {"error", nullptr}};
    try {
        const AgentConfig config = read_agent_config(system);
        result["keys"] = keys_json(config);
        const Detection detection = detect_platform(system, config, {});
        result["container"] = detection.container ? Json(*detection.container) : Json();
        result["rules"] = rules_json(detection);
        result["probes"] = probes_json(detection);
        if (detection.platform == nullptr) {
            throw not_recognised(detection);
        }
        result["platform"] = detection.platform->name();
        result["chosen_by"] = detection.chosen_by;
        const InstanceMetadata metadata = read_instance(detection, system, config, {});
        result["instance"] = shown_json(metadata);
        result["role_config"] = role_json(read_role_config(config, metadata));
    } catch (const Error& error) {
        result["error"] = to_json(error);
    }
    return result;
}

std::string shown_short(const Json& value) {
    constexpr std::size_t longest = 60;
    return shortened(shown(value, "null"), longest);
}

/// The keys that not everybody may say; the others are not listed.
void print_keys(const Json& keys) {
    constexpr std::size_t key_width = 30;
    print_line("Who may say what (docs/role-config.md); each key that is not listed: anyone");
    for (const Json& key : keys) {
        if (const std::string who = string_at(key, "may_be_said_by"); who != "anyone") {
            print_line("  " + padded(string_at(key, "key"), key_width) + who);
        }
    }
}

void print(const Json& result) {
    constexpr std::size_t name_width = 14;
    if (const Json& container = result.at("container"); !container.is_null()) {
        print_line("This is a container (" + shown(container, "") + "): what is its host's is not believed.");
    }
    print_line("Rules, in the order in which they count; the first that matches decides:");
    for (const Json& rule : result.at("rules")) {
        const bool has_matched = rule.at("matched") == Json(true);
        print_line(Line{{{has_matched ? "  yes  " : "   -   ", has_matched ? Tone::good : Tone::quiet},
                         {padded(string_at(rule, "platform"), name_width) + string_at(rule, "rule") + ": " +
                          shown_short(rule.at("seen")) + "  [" + shown_short(rule.at("path")) + "]"}}});
    }
    for (const Json& probe : result.at("probes")) {
        print_line("  asked " + padded(string_at(probe, "platform"), name_width) + shown_short(probe.at("request")) +
                   ": " + shown_short(probe.at("seen")));
    }
    if (!result.at("platform").is_null()) {
        print_line("Platform: " + shown_short(result.at("platform")) + ", chosen by " +
                   shown_short(result.at("chosen_by")));
    }
    if (const Json& instance = result.at("instance"); instance.is_object()) {
        print_line("Instance: " + shown_short(instance.at("id")));
    }
    if (const Json& role = result.at("role_config"); role.is_array()) {
        constexpr std::size_t path_width = 28;
        constexpr std::size_t value_width = 42;
        print_line("Role config, and where each value is from:");
        for (const Json& value : role) {
            print_line("  " + padded(shown_short(value.at("path")), path_width) +
                       padded(shown_short(value.at("value")), value_width) + "from " + shown_short(value.at("origin")) +
                       " (" + string_at(value, "speaker") + ")");
        }
    }
    if (const Json& keys = result.at("keys"); keys.is_array()) {
        print_keys(keys);
    }
    if (const Json& error = result.at("error"); error.is_object()) {
        print_line(
            Line{{{"error", Tone::bad}, {": " + string_at(error, "message") + " (" + string_at(error, "code") + ")"}}});
        print_line("  do: " + string_at(error, "advice"));
    }
}

int run(const System& system, const CommandArguments& given) {
    const Json result = explain(system);
    if (given.has("--json")) {
        print_json(result);
    } else {
        print(result);
    }
    return result.at("error").is_null() ? exit_ok : exit_failed;
}

const Command command{
    .name = "explain",
    .help = "Say how the platform was found, and where each setting is from",
    .options = {{CommandOption::Kind::flag, "--json", "Print a JSON document"}},
    .examples = {{"bootwright explain", "Why this platform, and who says each setting"},
                 {"bootwright explain --root /tmp/web-1", "The same of a captured machine, anywhere"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
