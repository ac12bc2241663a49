#include "agent/role/role_layers.hpp"

#include "agent/role/keys/role_keys.hpp"
#include "agent/role/user_data.hpp"
#include "agent/role/who_may_say.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

void read_layer(RoleConfig& role, const AgentConfig& config, const ObjectReader& layer, const std::string& origin,
                Speaker speaker) {
    role.speakers[origin] = speaker;
    read_role_keys(role, layer, "", {.speaker = speaker, .allows_names = config.repository.allow_branches_and_tags},
                   origin);
}

/// Reads a whole document above the image's own layers. Looks for mistakes first, then for what it may not say.
void read_document(RoleConfig& role, const AgentConfig& config, const JsonDocument& document, Speaker speaker) {
    read_layer(role, config, ObjectReader(document), document.origin, speaker);
    refuse_what_it_may_not_say(config, document, speaker);
}

/// The value of a tag as the part of a role config that it is. @throws Error role.invalid for a key that means nothing
Json part_of_role_config(const std::string& tag, const std::string& key, const std::string& value) {
    const bool is_fact = key.size() > 6 && key.starts_with("facts") && key.find_first_of(":-._/") == 5;
    const std::string fact = is_fact ? key.substr(6) : "";
    if (!fact.empty()) {
        return {{"facts", {{fact, value}}}};
    }
    if (key == "role") {
        return {{"role", value}};
    }
    if (key == "classes") {
        Json classes = Json::array();
        for (const std::string& name : split(value, ',')) {
            classes.push_back(trimmed(name));
        }
        return {{"classes", classes}};
    }
    if (key == "repository" || key == "revision") {
        return {{"repository", {{key == "repository" ? "url" : key, value}}}};
    }
    if (key == "noop") {
        return {{"puppet", {{"noop", value == "true" ? Json(true) : value == "false" ? Json(false) : Json(value)}}}};
    }
    const auto meant = nearest(key, {"role", "classes", "repository", "revision", "noop"});
    throw permanent_error(
        "role.invalid", "tag " + shortened(tag, 80) + ": unknown key",
        meant ? "did you mean \"" + *meant + "\"?" : "use role, classes, repository, revision, noop or facts:NAME");
}

/// The layer of the instance's tags: each is a document of one value.
void read_tags(RoleConfig& role, const AgentConfig& config, const InstanceMetadata& instance) {
    for (const auto& [tag, value] : instance.tags) {
        if (const auto key = bootwright_key(tag)) {
            const JsonDocument document{
                "tag " + tag, "role.invalid", "", part_of_role_config(tag, *key, value), {}, {}};
            read_document(role, config, document, Speaker::anyone);
        }
    }
}

/// Refuses a fact with the name of one that carries something of the agent's own into Puppet.
void refuse_fact(const RoleConfig& role, const std::string& fact, const std::string& what) {
    if (role.facts.contains(fact)) {
        throw permanent_error(
            "role.invalid",
            "facts." + fact + " (" + role.origins.at("facts." + fact) + ") is the fact that carries " + what,
            "remove it, or give it another name");
    }
}

/// What the layers together have to say.
class Requirements {
public:
    /// @param mistakes where what is missing is noted; null: it is thrown
    Requirements(const InstanceMetadata& instance, const UserData& user_data, Mistakes* mistakes)
        : instance_(instance), user_data_(user_data), mistakes_(mistakes) {}

    /// @throws Error role.incomplete, role.user_data_not_ours, role.no_user_data
    void require(bool is_set, const std::vector<const char*>& keys, const std::string& what) const {
        // What the user-data says wrongly is noted as wrong, and not as missing.
        const bool has_mistakes = mistakes_ != nullptr && !mistakes_->empty() && user_data_.document;
        const auto is_said = [&](const char* key) { return user_data_.document->root.contains(pointer_to(key)); };
        if (!is_set && !(has_mistakes && std::any_of(keys.begin(), keys.end(), is_said))) {
            attempt(mistakes_, [&] { throw missing(what); });
        }
    }

private:
    [[nodiscard]] Error missing(const std::string& what) const;

    const InstanceMetadata& instance_;
    const UserData& user_data_;
    Mistakes* mistakes_;
};

Error Requirements::missing(const std::string& what) const {
    const std::string missing = ", and neither its tags nor the image's role_config in /etc/bootwright set " + what;
    const std::string advice = "add " + what + " to the instance's user-data or tags, or to role_config in agent.json";
    if (user_data_.document) {
        return permanent_error("role.incomplete", instance_.user_data_origin + " does not set " + what + missing,
                               advice);
    }
    if (!user_data_.foreign.empty()) {
        return permanent_error(
            "role.user_data_not_ours",
            instance_.user_data_origin + " is " + user_data_.foreign + ", not a role config for bootwright" + missing,
            advice);
    }
    return permanent_error("role.no_user_data",
                           "this instance has no user-data (platform " + instance_.platform + ")" + missing, advice);
}

}  // namespace

RoleConfig read_role_config(const AgentConfig& config, const InstanceMetadata& instance,
                            const std::optional<JsonDocument>& configuration, const std::string& revision,
                            Mistakes* mistakes) {
    RoleConfig role;
    for (const JsonDocument& document : config.role_defaults) {
        read_layer(role, config, ObjectReader(document).object("role_config").value(), document.origin, Speaker::image);
    }
    if (configuration) {
        const ObjectReader file(*configuration);
        if (file.json().contains("configuration")) {
            throw file.error("configuration", "a file of a configuration repository names no other one",
                             "remove this key");
        }
        read_document(role, config, *configuration, speaker_of_configuration(config));
    }
    read_tags(role, config, instance);
    UserData user_data =
        instance.user_data ? parse_user_data(*instance.user_data, instance.user_data_origin) : UserData{};
    if (user_data.document) {
        user_data.document->mistakes = mistakes;
        read_document(role, config, *user_data.document, instance.user_data_is_roots ? Speaker::root : Speaker::anyone);
    }
    if (!revision.empty()) {
        const Json layer{{"repository", {{"revision", revision}}}};
        read_document(role, config, {"--revision", "role.invalid", "", layer, {}, {}}, Speaker::root);
    }
    attempt(mistakes, [&] {
        refuse_fact(role, "cloud", "the instance's metadata");
        if (!role.role.empty()) {
            refuse_fact(role, config.puppet.role_fact, "the role");
        }
    });
    const Requirements layers(instance, user_data, mistakes);
    // What is missing may be in the file that is still to be fetched.
    if (configuration || role.configuration.path.empty()) {
        layers.require(!role.role.empty() || !role.classes.empty(), {"role", "classes"}, "role (or classes)");
        layers.require(!role.repository.url.empty(), {"repository.url"}, "repository.url");
        layers.require(!role.repository.revision.empty(), {"repository.revision"}, "repository.revision");
    }
    const RoleConfig::Configuration& second = role.configuration;
    const bool has_second = !second.url.empty() || !(second.revision + second.path).empty() || !second.mirrors.empty();
    layers.require(!has_second || !second.url.empty(), {"configuration.url"}, "configuration.url");
    layers.require(!has_second || !second.revision.empty(), {"configuration.revision"}, "configuration.revision");
    return role;
}

AnnounceConfig announce_of_image(const AgentConfig& config) {
    RoleConfig role;
    for (const JsonDocument& document : config.role_defaults) {
        try {
            if (const auto layer = ObjectReader(document).object("role_config").value().object("announce")) {
                read_role_keys(role, *layer, "announce.", {.speaker = Speaker::image, .allows_names = false},
                               document.origin);
            }
        } catch (const Error&) {  // the run has failed because it cannot be read
        }
    }
    return role.announce;
}

JsonDocument read_configuration_file(const std::string& text, const std::string& origin) {
    UserData file = parse_user_data(text, origin);
    if (!file.document) {
        throw permanent_error("role.invalid",
                              origin + " is " + (file.foreign.empty() ? "empty" : file.foreign) + ", not a role config",
                              "write a JSON object or a YAML mapping there");
    }
    return std::move(*file.document);
}

}  // namespace bootwright
