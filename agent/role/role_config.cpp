#include "agent/role/role_config.hpp"

#include "agent/role/user_data.hpp"
#include "common/clock.hpp"
#include "common/encoding.hpp"
#include "common/error.hpp"
#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace bootwright {

namespace {

/// Puppet's rule for class names: names joined by "::".
bool is_class_name(std::string_view text) {
    while (true) {
        const std::size_t separator = text.find("::");
        if (!is_name(text.substr(0, separator))) {
            return false;
        }
        if (separator == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(separator + 2);
    }
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// What git allows as a branch or tag, less what would be strange in an error message.
bool is_ref_name(std::string_view text) {
    const auto is_allowed = [](char c) {
        const bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return is_alphanumeric || c == '_' || c == '.' || c == '/' || c == '-' || c == '+';
    };
    return !text.empty() && text.size() <= 200 && text.front() != '-' && text.find("..") == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), is_allowed);
}

/// Reads one layer over what the layers below it said.
class LayerReader {
public:
    LayerReader(RoleConfig& role, const AgentConfig& config, std::string origin)
        : role_(role), config_(config), origin_(std::move(origin)) {}

    void read(ObjectReader reader) {
        read_role(reader);
        read_classes(reader);
        read_entries(role_.facts, "facts", reader, is_name, "a fact's name is [a-z][a-z0-9_]*");
        read_entries(
            role_.data, "data", reader, [](std::string_view key) { return !key.empty(); }, "a Hiera key is not empty");
        if (auto repository = reader.object("repository")) {
            read_repository(*repository);
        }
        if (auto puppet = reader.object("puppet")) {
            assign(role_.noop, puppet->boolean("noop"), "puppet.noop");
            assign(role_.puppet_timeout, puppet->duration("timeout"), "puppet.timeout");
            if (role_.puppet_timeout && role_.puppet_timeout->count() == 0) {
                throw puppet->error("timeout", "must be longer than nothing", "write a duration such as \"30m\"");
            }
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
        if (value && (value->empty() || value->size() > 255 || !is_printable(*value))) {
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

    void read_repository(ObjectReader& reader) {
        const auto url = reader.string("url");
        if (url) {
            check_url(*url, reader);
        }
        assign(role_.repository.url, url, "repository.url");
        const auto revision = reader.string("revision");
        if (revision) {
            check_revision(*revision, reader);
        }
        assign(role_.repository.revision, revision, "repository.revision");
        reader.finish();
    }

    static void check_url(const std::string& url, const ObjectReader& reader) {
        constexpr std::array<std::string_view, 4> schemes{"https://", "http://", "ssh://", "file://"};
        const auto matches = [&](std::string_view scheme) {
            return url.starts_with(scheme) && url.size() > scheme.size();
        };
        if (std::none_of(schemes.begin(), schemes.end(), matches) || !is_printable(url) || url.size() > 2000) {
            throw reader.error(
                "url", "expected an https, http, ssh or file URL",
                "write it like https://git.example.com/puppet.git or ssh://git@git.example.com/puppet.git");
        }
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
};

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
            LayerReader(role, config, document.origin).read(ObjectReader(document));
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

RoleConfig read_role_config(const AgentConfig& config, const InstanceMetadata& instance) {
    RoleConfig role;
    for (const JsonDocument& document : config.role_defaults) {
        LayerReader(role, config, document.origin).read(ObjectReader(document).object("role_config").value());
    }
    read_tags(role, config, instance);
    const UserData user_data =
        instance.user_data ? parse_user_data(*instance.user_data, instance.user_data_origin) : UserData{};
    if (user_data.document) {
        LayerReader(role, config, user_data.document->origin).read(ObjectReader(*user_data.document));
    }
    refuse_fact(role, "cloud", "the instance's metadata");
    if (!role.role.empty()) {
        refuse_fact(role, config.puppet.role_fact, "the role");
    }
    require(!role.role.empty() || !role.classes.empty(), "role (or classes)", instance, user_data);
    require(!role.repository.url.empty(), "repository.url", instance, user_data);
    require(!role.repository.revision.empty(), "repository.revision", instance, user_data);
    return role;
}

Json to_json(const RoleConfig& role) {
    const auto duration = [](const std::optional<std::chrono::milliseconds>& value) {
        return value ? Json(to_human(*value)) : Json();
    };
    Json config{
        {"role", role.role},
        {"classes", role.classes},
        {"facts", role.facts},
        {"data", role.data},
        {"repository", {{"url", without_credentials(role.repository.url)}, {"revision", role.repository.revision}}},
        {"puppet", {{"noop", role.noop}, {"timeout", duration(role.puppet_timeout)}}},
        {"schedule", {{"interval", duration(role.interval)}, {"splay", to_human(role.splay)}}},
    };
    return {{"config", std::move(config)}, {"origins", role.origins}};
}

}  // namespace bootwright
