// OpenNebula: a volume labelled CONTEXT with the file context.sh. Sources of the protocol: OpenNebula's documentation of the template
// attribute CONTEXT, what its front-end writes (context_variables.hpp), and cloud-init's documentation of the variables' names.
// https://docs.opennebula.io/6.4/management_and_operations/references/template.html
// https://docs.cloud-init.io/en/latest/reference/datasources/opennebula.html

#include "agent/platform/context_variables.hpp"
#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/volume.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

using Variables = std::map<std::string, std::string>;

/// The first of the names that is there, with its value.
std::optional<std::pair<std::string, std::string>> first_of(const Variables& variables,
                                                            std::initializer_list<const char*> names) {
    for (const char* name : names) {
        if (const auto found = variables.find(name); found != variables.end()) {
            return *found;
        }
    }
    return std::nullopt;
}

std::string value_of(const Variables& variables, std::initializer_list<const char*> names) {
    const auto found = first_of(variables, names);
    return found ? found->second : "";
}

Error bad_context(const std::string& why, const std::string& advice) {
    return permanent_error("platform.bad_document", "context.sh of the volume CONTEXT " + why, advice);
}

/// The number of the virtual machine, which stands there if the template says TOKEN=YES or VMID="$VMID"; else the firmware's UUID.
std::string instance_id(const System& system, const Variables& variables) {
    const std::string number = value_of(variables, {"VMID"});
    if (!number.empty() && !is_word(number)) {
        throw bad_context("has a VMID that is none", "write VMID=\"$VMID\" in CONTEXT of the template");
    }
    const auto uuid = read_value(system, "/sys/class/dmi/id/product_uuid");
    return !number.empty() ? number : uuid && !uuid->empty() ? *uuid : machine_id(system);
}

/// Decodes the user-data as USERDATA_ENCODING says.
void read_user_data(InstanceMetadata& metadata, const Variables& variables) {
    const auto found = first_of(variables, {"USER_DATA", "USERDATA"});
    const std::string encoding = value_of(variables, {"USERDATA_ENCODING", "USER_DATA_ENCODING"});
    metadata.user_data_origin = (found ? found->first : "USER_DATA") + " of context.sh";
    if (!found || encoding.empty()) {
        metadata.user_data = found ? std::optional(found->second) : std::nullopt;
        return;
    }
    metadata.user_data = encoding == "base64" ? decode_base64(found->second) : std::nullopt;
    if (!metadata.user_data) {
        throw bad_context("has a " + found->first + " that is not what USERDATA_ENCODING says",
                          "write USERDATA_ENCODING=\"base64\" in CONTEXT of the template, and the value accordingly");
    }
}

/// The name of the card in ETH0_IP, PCI1_IP6, ETH0_ALIAS1_IP and the like, where `suffix` is "_IP"; "" for any other variable.
std::string card_of(const std::string& variable, std::string_view suffix) {
    const bool is_card = variable.starts_with("ETH") || variable.starts_with("PCI");
    const std::string card = is_card && variable.ends_with(suffix) ? variable.substr(0, variable.rfind(suffix)) : "";
    return card.size() > 3 && is_digits(card.substr(3, card.find("_ALIAS") - 3)) ? card : "";
}

/// The cards' own addresses, IPv4 first, and then the further ones.
void keep_addresses(InstanceMetadata& metadata, const Variables& variables) {
    for (const bool is_alias : {false, true}) {
        for (const std::string_view suffix : {"_IP", "_IP6_ULA", "_IP6"}) {
            for (const auto& [name, value] : variables) {
                const std::string card = card_of(name, suffix);
                if (!card.empty() && is_alias == (card.find("_ALIAS") != std::string::npos)) {
                    keep_address(metadata.addresses, value);
                }
            }
        }
    }
}

/// An operator's own variables that are meant for bootwright. OpenNebula writes all names in capitals.
void keep_tags(InstanceMetadata& metadata, const Variables& variables) {
    for (const auto& [name, value] : variables) {
        if (std::string tag = lower(name); bootwright_key(tag)) {
            metadata.tags[std::move(tag)] = value;
        }
    }
}

class OpenNebula final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "opennebula"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {
            .place =
                "USERDATA in CONTEXT of the template, with USERDATA_ENCODING=base64 as --encoding base64 writes it"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        return {label_evidence(system, "CONTEXT", Rank::context_volume)};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token) const override {
        const Evidence evidence = detect(system, config).front();
        if (!evidence.matched) {
            throw transient_error("platform.seed_missing",
                                  "the platform is opennebula, but no volume is labelled CONTEXT",
                                  "give the virtual machine's template a CONTEXT");
        }
        constexpr std::size_t largest = 2 * largest_user_data;  // base64 of the largest user-data, and all the rest
        const auto text = Volume::open(system.path(evidence.path)).read_file_if_exists("context.sh", largest);
        if (!text || trimmed(*text).empty()) {  // a volume's damaged folder looks empty: that proves nothing
            throw transient_error("platform.seed_missing", "the volume CONTEXT has no context.sh, or an empty one",
                                  "if it stays so, power the virtual machine off and on in OpenNebula, which makes the "
                                  "volume anew");
        }
        const Variables variables = parse_context_variables(*text);
        InstanceMetadata metadata{.platform = "opennebula", .instance_id = instance_id(system, variables)};
        metadata.hostname = value_of(variables, {"SET_HOSTNAME", "HOSTNAME"});
        keep_addresses(metadata, variables);
        keep_tags(metadata, variables);
        read_user_data(metadata, variables);
        return metadata;
    }
};

const OpenNebula opennebula;
const Registered<Platform> registered(opennebula);

}  // namespace

}  // namespace bootwright
