#include "agent/role/who_may_say.hpp"

#include "agent/config/guards.hpp"
#include "agent/role/keys/role_keys.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace bootwright {

namespace {

/// A key of the table, and where a document says it.
struct Said {
    std::string name;
    JsonDocument::Path path;
    const Json* value;
};

bool is_file_url(const Json& value) {
    return value.is_string() && lower(value.get<std::string>()).starts_with("file://");
}

/// All that a document says, by the names of the table. The depth is the parser's own limit.
void gather(std::vector<Said>& all, const std::string& name, const JsonDocument::Path& path, const Json& value) {
    const auto below = [&](const std::string& key) {
        JsonDocument::Path longer = path;
        longer.push_back(key);
        return longer;
    };
    if (value.is_array()) {
        for (std::size_t i = 0; i < value.size(); ++i) {
            gather(all, name, below(std::to_string(i)), value[i]);
        }
        return;
    }
    if (is_file_url(value) && find_role_key(name + ".file") != nullptr) {
        all.push_back({name + ".file", path, &value});
    }
    if (!value.is_object()) {
        return;
    }
    for (const auto& [key, inner] : value.items()) {
        const std::string whole = name.empty() ? key : name + "." + key;
        const RoleKey* known = find_role_key(whole);
        const bool holds_names = known != nullptr && known->holds_names;
        const bool is_entry = holds_names && known->name != whole;  // "facts.NAME"
        if (is_entry || (known != nullptr && !holds_names)) {
            all.push_back({whole, below(key), &inner});
        }
        if (!is_entry) {
            gather(all, whole, below(key), inner);
        }
    }
}

Mistake fixed_error(const JsonDocument& document, const Said& said) {
    Mistake mistake = document.error_at(
        said.path, "the image has fixed " + shortened(said.name, 80) + " to another value",
        "remove it here: only role_config of /etc/bootwright/agent.json says it, as long as `fixed` names it there");
    static_cast<Error&>(mistake) = permanent_error("role.fixed", mistake.message, mistake.advice);
    return mistake;
}

/// What the image demands, in the words of its configuration.
std::string demand_of(const AgentConfig& config) {
    return config.repository.verify != AgentConfig::Repository::Verify::none ? "asks for signatures (repository.verify)"
                                                                             : "fixes " + joined(config.fixed, ", ");
}

Mistake not_trusted_error(const AgentConfig& config, const JsonDocument& document, const Said& said) {
    Mistake mistake = document.error_at(
        said.path, "may not be said by whoever writes this document, since the image " + demand_of(config),
        "say it in role_config of /etc/bootwright/agent.json, in a signed file of the configuration "
        "repository, or in a role config file that root alone can change; or let the image allow \"" +
            said.name + "\" in allow_from_anywhere of agent.json");
    static_cast<Error&>(mistake) = permanent_error("role.not_trusted", mistake.message, mistake.advice);
    return mistake;
}

}  // namespace

Speaker speaker_of_configuration(const AgentConfig& config) {
    const auto is_images = [&](const std::string& name) { return is_fixed(config, name) || is_guarded(config, name); };
    const bool is_signed = config.repository.verify != AgentConfig::Repository::Verify::none;
    const bool is_pinned =
        is_images("configuration.url") && is_images("configuration.mirrors") && is_images("configuration.revision");
    return is_signed || is_pinned ? Speaker::proven : Speaker::anyone;
}

void refuse_what_it_may_not_say(const AgentConfig& config, const JsonDocument& document, Speaker speaker) {
    if (speaker == Speaker::image) {
        return;
    }
    std::vector<Said> all;
    gather(all, "", {}, document.root);
    for (const Said& said : all) {
        const Json* image = is_fixed(config, said.name) ? image_value(config, said.name) : nullptr;
        attempt(document.mistakes, [&] {
            if (is_fixed(config, said.name) && (image == nullptr || *image != *said.value)) {
                throw fixed_error(document, said);
            }
            if (speaker == Speaker::anyone && is_guarded(config, said.name)) {
                throw not_trusted_error(config, document, said);
            }
        });
    }
}

}  // namespace bootwright
