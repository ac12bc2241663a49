#include "agent/commands/support/redaction.hpp"

#include "agent/config/config.hpp"
#include "agent/platform/context_variables.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/platform/ovf_environment.hpp"
#include "agent/role/keys/role_keys.hpp"
#include "agent/role/user_data.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/registered.hpp"
#include "common/base/text.hpp"
#include "common/documents/xml.hpp"
#include "common/documents/yaml.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>

namespace bootwright {

namespace {

constexpr const char* removed = "removed by bootwright capture";

/// Everything below it, whatever it is.
void remove_values(Json& json) {
    if (json.is_structured()) {
        for (Json& item : json) {
            remove_values(item);
        }
    } else if (!json.is_null()) {
        json = "removed";
    }
}

/// A script or key of somebody else: what other programs are given beside the user-data.
bool is_foreign_name(std::string_view name) {
    constexpr std::array<std::string_view, 4> names{"startup-script", "shutdown-script", "customdata", "raid1-script"};
    return std::find(names.begin(), names.end(), lower(name)) != names.end();
}

/// `repository.credentials` and `secrets` of the image's configuration say only where secrets are.
bool is_place_of_secrets(std::string_view key, const Json& value) {
    const auto is_place = [](const Json& entry) {
        return entry.contains("host") && (entry.contains("from") || entry.contains("ssh_key_from"));
    };
    return (key == "credentials" && value.is_array() && std::all_of(value.begin(), value.end(), is_place)) ||
           (key == "secrets" && value.is_object() && value.size() == 1 && value.contains("endpoint"));
}

/// `puppet.eyaml.private_key` of the image's configuration, likewise.
bool is_place_of_key(std::string_view key, const Json& value) {
    const bool is_key = (key == "private_key" || key == "public_key") && value.is_object() && value.size() == 1;
    const std::string kind = is_key ? value.begin().key() : "";
    const auto& stores = Registered<SecretKind>::all();
    return kind == "file" || kind == "credential" ||
           std::any_of(stores.begin(), stores.end(), [&](const SecretKind* store) { return store->name == kind; });
}

/// Whole URLs open what is behind them: only the server of each stays.
void redact_receivers(Json& json) {
    if (json.is_string() && json.get_ref<const std::string&>().find("://") != std::string::npos) {
        const auto url = Url::parse(json.get_ref<const std::string&>());
        json = url ? url->server() : removed;
    }
    if (json.is_structured()) {
        std::for_each(json.begin(), json.end(), redact_receivers);
    }
}

/// For a role config: what is under no known key may be anything, such as data under a misspelt name. `path`: "" or
/// "repository.".
// NOLINTNEXTLINE(misc-no-recursion): it goes no deeper than the keys do
void remove_unknown(Json& role, const std::string& path) {
    const std::vector<RoleKey>& keys = role_keys();
    for (auto& [name, value] : role.items()) {
        const std::string key = path + name;
        const bool holds_keys = std::any_of(keys.begin(), keys.end(),
                                            [&](const RoleKey& other) { return other.name.starts_with(key + "."); });
        if (find_role_key(key) != nullptr) {
            continue;
        }
        if (holds_keys && value.is_object()) {
            remove_unknown(value, key + ".");
        } else {
            remove_values(value);
        }
    }
}

void redact(Json& json) {
    const bool is_object = json.is_object();
    for (auto& [key, value] : json.items()) {
        if (is_object && is_place_of_key(key, value)) {
            continue;
        }
        if (is_object && key == "role_config" && value.is_object()) {
            remove_unknown(value, "");
        }
        if (is_object && is_user_data_name(key) && value.is_string()) {
            value = redacted_user_data(value.get<std::string>());
        } else if (is_object && key == "announce") {
            redact_receivers(value);
        } else if (is_object && !is_place_of_secrets(key, value) &&
                   (is_secret_name(key) || is_foreign_name(key) || key == "data")) {
            remove_values(value);
        } else if (is_object && key == "attributes") {  // an operator's own: only what is known to be harmless stays
            redact(value);
            for (auto& [name, attribute] : value.items()) {
                if (!bootwright_key(name) && !is_user_data_name(name) && !name.ends_with("-encoding")) {
                    remove_values(attribute);
                }
            }
        } else if (value.is_structured()) {
            redact(value);
        } else if (value.is_string()) {
            value = without_credentials(value.get<std::string>());
        }
    }
}

/// Of context.sh: who the machine is, its addresses, and what is meant for bootwright.
bool is_harmless_variable(std::string_view name) {
    constexpr std::array<std::string_view, 3> names{"VMID", "SET_HOSTNAME", "HOSTNAME"};
    return name.starts_with("ETH") || name.starts_with("PCI") ||
           (bootwright_key(lower(name)) && !is_secret_name(name)) ||
           std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool is_user_data_name(std::string_view name) {
    std::string plain = lower(name);
    std::erase_if(plain, [](char c) { return c == '-' || c == '_'; });
    const bool is_data = plain.find("userdata") != std::string::npos || plain.find("vendordata") != std::string::npos;
    return is_data && !plain.ends_with("encoding");
}

std::string redacted_user_data(const std::string& user_data) {
    if (trimmed(user_data).empty()) {
        return user_data;
    }
    try {
        auto parsed = parse_user_data(user_data, "user-data");
        if (parsed.document) {
            if (parsed.document->root.is_object()) {
                remove_unknown(parsed.document->root, "");
            }
            redact(parsed.document->root);
            return to_text(parsed.document->root);
        }
    } catch (const Error&) {
        return removed;  // not a role config that anybody could read
    }
    return removed;
}

std::string redacted_document(const std::string& text) {
    Json json = parse_json(text);
    if (!json.is_structured()) {
        const auto yaml = parse_yaml(text, YamlScalars::as_written);
        if (!yaml) {
            return removed;  // cut or damaged: nobody can tell where its secrets are
        }
        json = *yaml;
    }
    if (!json.is_structured()) {
        return without_credentials(text);
    }
    redact(json);
    return to_text(json);
}

std::string redacted_ovf_environment(const std::string& text) {
    const auto environment = parse_ovf_environment(text);
    if (!environment) {
        return removed;
    }
    const auto user_data = [](const std::string& value) {
        return encode_base64(redacted_user_data(decode_base64(value).value_or(value)));
    };
    std::string properties;
    for (const auto& [key, value] : environment->properties) {
        const bool is_role_config = key == "bootwright.role_config";
        const bool is_name = key == "instance-id" || key == "hostname" || key == "local-hostname";
        if (is_role_config || is_user_data_name(key) || is_name || (bootwright_key(key) && !is_secret_name(key))) {
            const std::string kept = value.empty()                              ? ""
                                     : is_role_config || is_user_data_name(key) ? user_data(value)
                                                                                : without_credentials(value);
            properties += "<Property key=\"" + xml_escaped(key) + "\" value=\"" + xml_escaped(kept) + "\"/>";
        }
    }
    std::string settings;
    for (const auto& [name, value] : environment->provisioning) {
        if (name == "HostName" || name == "CustomData") {
            const std::string kept = name == "HostName" ? value : user_data(value);
            settings.append("<").append(name).append(">").append(xml_escaped(kept));
            settings.append("</").append(name).append(">");
        }
    }
    return "<Environment><PropertySection>" + properties +
           "</PropertySection><ProvisioningSection><LinuxProvisioningConfigurationSet>" + settings +
           "</LinuxProvisioningConfigurationSet></ProvisioningSection></Environment>\n";
}

std::string redacted_context(const std::string& text) {
    try {
        auto variables = parse_context_variables(text);
        for (auto& [name, value] : variables) {
            value = is_user_data_name(name)      ? redacted_user_data(value)
                    : is_harmless_variable(name) ? without_credentials(value)
                    : name.ends_with("ENCODING") ? ""  // what stands in the user-data's place is plain
                                                 : "removed";
        }
        return context_text(variables);
    } catch (const Error&) {
        return removed;  // nobody can tell where its secrets are
    }
}

std::string redacted_words(const std::string& line) {
    std::vector<std::string> words = split(line, ' ');
    for (std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals != std::string::npos && is_secret_name(word.substr(0, equals))) {
            word.replace(equals + 1, std::string::npos, "removed");
        }
    }
    return without_credentials(joined(words, " "));
}

void redact_facts(Json& facts) { redact(facts); }

void redact_answer(Json& answer) {
    const std::string path = string_at(answer, "path");
    const bool is_encoding_of_user_data = lower(path).ends_with("userdata.encoding");
    const std::string body = answer.contains("body_base64")
                                 ? decode_base64(string_at(answer, "body_base64")).value_or("")
                                 : string_at(answer, "body");
    answer.erase("body_base64");
    if (string_at(answer, "method") == "RUN" && number_at(answer, "status") != 0) {
        answer["body"] = is_text(body) ? without_credentials(body) : removed;  // what the program complained of
    } else if (is_encoding_of_user_data) {                                     // what stands in its place is plain
        answer["status"] = 1;
        answer["body"] = "No value found\n";
    } else if (lower(path).ends_with("guestinfo.ovfenv")) {
        answer["body"] = redacted_ovf_environment(body);
    } else if (is_user_data_name(path)) {
        answer["body"] = redacted_user_data(body);
    } else if (is_secret_name(path)) {
        answer["body"] = "TOKEN";
    } else {
        answer["body"] = is_text(body) ? redacted_document(body) : removed;
    }
}

}  // namespace bootwright
