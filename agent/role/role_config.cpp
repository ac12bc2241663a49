#include "agent/role/role_config.hpp"

#include "agent/role/role_values.hpp"
#include "agent/role/user_data.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t most_mirrors = 32;

/// Reads one layer over what the layers below it said.
class LayerReader {
public:
    LayerReader(RoleConfig& role, const AgentConfig& config, std::string origin, Speaker speaker)
        : role_(role), config_(config), origin_(std::move(origin)), speaker_(speaker) {
        role_.speakers[origin_] = speaker;
    }

    void read(ObjectReader reader) {
        read_role(reader);
        read_classes(reader);
        read_entries(role_.facts, "facts", reader, is_name, "a fact's name is [a-z][a-z0-9_]*");
        read_entries(
            role_.data, "data", reader, [](std::string_view key) { return !key.empty(); }, "a Hiera key is not empty");
        if (auto repository = reader.object("repository")) {
            read_repository(*repository);
        }
        if (auto configuration = reader.object("configuration")) {
            read_configuration(*configuration);
        }
        if (auto puppet = reader.object("puppet")) {
            assign(role_.noop, puppet->boolean("noop"), "puppet.noop");
            assign(role_.puppet_timeout, puppet->duration("timeout"), "puppet.timeout");
            if (role_.puppet_timeout && role_.puppet_timeout->count() == 0) {
                throw puppet->error("timeout", "must be longer than nothing", "write a duration such as \"30m\"");
            }
            read_on_failure(*puppet);
            puppet->finish();
        }
        if (auto schedule = reader.object("schedule")) {
            assign(role_.interval, schedule->duration("interval"), "schedule.interval");
            assign(role_.splay, schedule->duration("splay"), "schedule.splay");
            if (role_.interval && *role_.interval < std::chrono::minutes(1)) {
                throw schedule->error("interval", "shorter than a minute", "write at least \"1m\"");
            }
            schedule->finish();
        }
        if (auto health = reader.object("health")) {
            read_health(*health);
        }
        if (auto announce = reader.object("announce")) {
            bootwright::read_announce(role_.announce, *announce, speaker_);
            for (const auto& [key, unused] : announce->json().items()) {
                role_.origins["announce." + key] = origin_;
            }
        }
        reader.finish();
    }

private:
    template <typename Target, typename Value>
    void assign(Target& target, const std::optional<Value>& value, const std::string& path) {
        if (value) {
            target = *value;
            role_.origins[path] = origin_;
        }
    }

    void read_role(ObjectReader& reader) {
        const auto value = reader.string("role");
        if (value && (value->empty() || value->size() > 255 || !is_visible(*value))) {
            throw reader.error("role", "expected one word without spaces", "write a role such as \"web\"");
        }
        assign(role_.role, value, "role");
    }

    void read_classes(ObjectReader& reader) {
        const auto value = reader.strings("classes");
        for (const std::string& name : value.value_or(std::vector<std::string>{})) {
            if (!is_class_name(name)) {
                throw reader.error("classes", "a list entry is not a Puppet class name",
                                   "write names such as \"role::web\", in lower case");
            }
        }
        assign(role_.classes, value, "classes");
    }

    template <typename IsKey>
    void read_entries(Json& target, const std::string& key, ObjectReader& reader, IsKey is_key,
                      const std::string& rule) {
        auto entries = reader.object(key);
        if (!entries) {
            return;
        }
        for (const auto& [name, value] : entries->json().items()) {
            if (!is_key(name)) {
                throw entries->error(name, "not a name that is allowed here", rule);
            }
            target[name] = value;
            role_.origins[key + "." + name] = origin_;
        }
    }

    void read_on_failure(ObjectReader& reader) {
        const auto value = reader.string("on_failure");
        if (value && *value != "stay" && *value != "last_good") {
            throw reader.error("on_failure", "neither \"stay\" nor \"last_good\"",
                               "\"last_good\" applies the last good revision again, \"stay\" applies nothing");
        }
        using OnFailure = RoleConfig::OnFailure;
        assign(role_.on_failure,
               value ? std::optional(*value == "stay" ? OnFailure::stay : OnFailure::last_good) : std::nullopt,
               "puppet.on_failure");
    }

    void read_repository(ObjectReader& reader) {
        read_places(role_.repository, "repository", reader);
        const auto environment = reader.string("environment");
        if (environment && !environment->empty() && !is_environment(*environment)) {
            throw reader.error("environment", "not a name that Puppet allows for an environment",
                               "write [a-z0-9_]+, a folder of environments/ in the repository");
        }
        assign(role_.repository.environment, environment, "repository.environment");
        reader.finish();
    }

    void read_configuration(ObjectReader& reader) {
        read_places(role_.configuration, "configuration", reader);
        const auto path = reader.string("path");
        if (path && !path->empty() && !is_path_inside(*path)) {
            throw reader.error("path", "not a path inside a repository", R"(write it like "instances/web.json")");
        }
        assign(role_.configuration.path, path, "configuration.path");
        reader.finish();
    }

    void read_health(ObjectReader& reader) {
        assign(role_.health.timeout, reader.duration("timeout"), "health.timeout");
        if (role_.health.timeout.count() == 0) {
            throw reader.error("timeout", "must be longer than nothing", "write a duration such as \"2m\"");
        }
        auto checks = read_health_checks(reader);  // also where there are none: a misspelt key is told which there are
        if (reader.json().contains("checks")) {
            assign(role_.health.checks, std::optional(std::move(checks)), "health.checks");
        }
        reader.finish();
    }

    /// What a pinned repository has, whatever it is for.
    template <typename Pinned>
    void read_places(Pinned& pinned, const std::string& name, ObjectReader& reader) {
        if (const auto text = reader.string("url")) {
            const Url url = read_place(
                *text, "url", "expected the URL of a repository",
                "write it like https://git.example.com/puppet.git or ssh://git@git.example.com/puppet.git", reader);
            assign(pinned.url, std::optional(url), name + ".url");
        }
        if (const auto texts = reader.strings("mirrors")) {
            assign(pinned.mirrors, std::optional(read_mirrors(*texts, reader)), name + ".mirrors");
        }
        const auto revision = reader.string("revision");
        if (revision) {
            check_revision(*revision, reader);
        }
        assign(pinned.revision, revision, name + ".revision");
    }

    static std::vector<Url> read_mirrors(const std::vector<std::string>& texts, const ObjectReader& reader) {
        std::vector<Url> mirrors;
        mirrors.reserve(texts.size());
        for (const std::string& text : texts) {
            mirrors.push_back(read_place(text, "mirrors", "a list entry is no URL of a repository",
                                         "write them like https://git.example.com/puppet.git, "
                                         "https://cdn.example.com/{revision}.bundle or s3://bucket/prefix",
                                         reader));
        }
        if (mirrors.size() > most_mirrors) {
            throw reader.error("mirrors", "more than " + std::to_string(most_mirrors) + " of them", "leave some out");
        }
        return mirrors;
    }

    void check_revision(const std::string& revision, const ObjectReader& reader) const {
        if (is_commit_id(revision)) {
            return;
        }
        if (!config_.repository.allow_branches_and_tags) {
            throw reader.error(
                "revision", "expected a full commit id of 40 hexadecimal digits",
                "write the whole id that `git rev-parse HEAD` prints; branches and tags move, and count only "
                "where the image sets repository.allow_branches_and_tags in agent.json");
        }
        if (!is_ref_name(revision)) {
            throw reader.error("revision", "neither a full commit id nor the name of a branch or tag",
                               "write 40 hexadecimal digits, or a name such as \"main\" or \"v1.2\"");
        }
    }

    RoleConfig& role_;
    const AgentConfig& config_;
    std::string origin_;
    Speaker speaker_;
};

/// Reads a whole document above the image's own layers. What it may not say is looked for after mistakes are.
void read_document(RoleConfig& role, const AgentConfig& config, const JsonDocument& document, Speaker speaker) {
    LayerReader(role, config, document.origin, speaker).read(ObjectReader(document));
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

/// What carries something of the agent's own into Puppet is no other fact's name.
void refuse_fact(const RoleConfig& role, const std::string& fact, const std::string& what) {
    if (role.facts.contains(fact)) {
        throw permanent_error(
            "role.invalid",
            "facts." + fact + " (" + role.origins.at("facts." + fact) + ") is the fact that carries " + what,
            "remove it, or give it another name");
    }
}

void require(bool is_set, const std::string& what, const InstanceMetadata& instance, const UserData& user_data) {
    if (is_set) {
        return;
    }
    const std::string missing = ", and neither its tags nor the image's role_config in /etc/bootwright set " + what;
    const std::string advice = "add " + what + " to the instance's user-data or tags, or to role_config in agent.json";
    if (user_data.document) {
        throw permanent_error("role.incomplete", instance.user_data_origin + " does not set " + what + missing, advice);
    }
    if (!user_data.foreign.empty()) {
        throw permanent_error(
            "role.user_data_not_ours",
            instance.user_data_origin + " is " + user_data.foreign + ", not a role config for bootwright" + missing,
            advice);
    }
    throw permanent_error("role.no_user_data",
                          "this instance has no user-data (platform " + instance.platform + ")" + missing, advice);
}

}  // namespace

RoleConfig read_role_config(const AgentConfig& config, const InstanceMetadata& instance,
                            const std::optional<JsonDocument>& configuration) {
    RoleConfig role;
    for (const JsonDocument& document : config.role_defaults) {
        LayerReader(role, config, document.origin, Speaker::image)
            .read(ObjectReader(document).object("role_config").value());
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
    const UserData user_data =
        instance.user_data ? parse_user_data(*instance.user_data, instance.user_data_origin) : UserData{};
    if (user_data.document) {
        read_document(role, config, *user_data.document, instance.user_data_is_roots ? Speaker::root : Speaker::anyone);
    }
    refuse_fact(role, "cloud", "the instance's metadata");
    if (!role.role.empty()) {
        refuse_fact(role, config.puppet.role_fact, "the role");
    }
    if (!role.origins.contains("schedule.splay")) {
        role.splay = role.interval.value_or(std::chrono::milliseconds(0));
    }
    // What is missing may stand in the file that is still to be fetched.
    if (configuration || role.configuration.path.empty()) {
        require(!role.role.empty() || !role.classes.empty(), "role (or classes)", instance, user_data);
        require(!role.repository.url.empty(), "repository.url", instance, user_data);
        require(!role.repository.revision.empty(), "repository.revision", instance, user_data);
    }
    const RoleConfig::Configuration& second = role.configuration;
    const bool has_second = !second.url.empty() || !(second.revision + second.path).empty() || !second.mirrors.empty();
    require(!has_second || !second.url.empty(), "configuration.url", instance, user_data);
    require(!has_second || !second.revision.empty(), "configuration.revision", instance, user_data);
    return role;
}

AnnounceConfig announce_of_image(const AgentConfig& config) {
    AnnounceConfig announce;
    for (const JsonDocument& document : config.role_defaults) {
        try {
            if (auto layer = ObjectReader(document).object("role_config").value().object("announce")) {
                read_announce(announce, *layer, Speaker::image);
            }
        } catch (const Error&) {  // that it cannot be read is why the run has failed
        }
    }
    return announce;
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
