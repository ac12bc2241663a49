#include "agent/platform/platform.hpp"

#include "agent/platform/metadata_service.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>

namespace bootwright {

namespace {

constexpr std::size_t largest_value = 4096;

const Platform& platform_by_name(const std::string& name, const std::string& said_by) {
    std::vector<std::string> names;
    for (const Platform* platform : platforms()) {
        if (platform->name() == name) {
            return *platform;
        }
        names.emplace_back(platform->name());
    }
    throw permanent_error("platform.unknown_name",
                          said_by + " asks for the platform \"" + name + "\", which is unknown",
                          "use one of: auto, " + joined(names, ", "));
}

/// The rules of all platforms; the first that matches decides.
void apply_rules(const System& system, const AgentConfig& config, Detection& detection) {
    for (const Platform* platform : platforms()) {
        for (Evidence& evidence : platform->detect(system, config)) {
            evidence.seen = without_credentials(evidence.seen);  // a seed's URL may carry some
            if (evidence.matched && detection.platform == nullptr) {
                detection.platform = platform;
                detection.chosen_by = "detection";
            }
            detection.rules.push_back({platform, std::move(evidence)});
        }
    }
}

/// Asks all clouds that can prove themselves at once; the first that does wins.
void probe_clouds(const System& system, Detection& detection, std::stop_token stop) {
    constexpr std::chrono::milliseconds deadline{3000};
    std::vector<HttpRequest> requests;
    for (const Platform* platform : platforms()) {
        if (auto request = platform->probe(system)) {
            request->connect_timeout = request->timeout = deadline;
            detection.probes.push_back({platform, request->method + " " + request->url.shown(), ""});
            requests.push_back(std::move(*request));
        }
    }
    const auto proves = [&](std::size_t index, const HttpResponse& response) {
        return detection.probes[index].platform->proves(response);
    };
    const HttpRace race = system.http.race(requests, {}, proves, std::move(stop));
    for (std::size_t i = 0; i < requests.size(); ++i) {
        detection.probes[i].seen = race.responses[i] ? "HTTP status " + std::to_string(race.responses[i]->status)
                                   : race.errors[i]  ? race.errors[i]->message
                                                     : "(not waited for)";
    }
    if (race.winner) {
        detection.platform = detection.probes[*race.winner].platform;
        detection.chosen_by = "the answer of its metadata service";
    }
}

Evidence dmi_evidence(const System& system, std::string_view field, const std::string& rule,
                      const std::function<bool(std::string_view)>& matches) {
    return file_evidence(system, "/sys/class/dmi/id/" + std::string(field), std::string(field) + " " + rule, matches);
}

}  // namespace

std::vector<const Platform*> platforms() {
    auto sorted = Registered<Platform>::all();
    std::sort(sorted.begin(), sorted.end(), [](const Platform* a, const Platform* b) {
        return std::pair(a->precedence(), a->name()) < std::pair(b->precedence(), b->name());
    });
    return sorted;
}

void Platform::wait_for_change(const System& system, const AgentConfig&, std::chrono::milliseconds limit, std::string&,
                               std::stop_token stop) const {
    if (!system.clock.sleep(limit, std::move(stop))) {
        throw stopped_error();
    }
}

Detection detect_platform(const System& system, const AgentConfig& config, std::stop_token stop) {
    Detection detection;
    if (const auto name = kernel_parameter(system, "bootwright.platform"); name && *name != "auto") {
        detection.chosen_by = "the kernel command line";
        detection.platform = &platform_by_name(*name, detection.chosen_by);
    } else if (config.platform != "auto") {
        detection.chosen_by = "the image's configuration (agent.json)";
        detection.platform = &platform_by_name(config.platform, detection.chosen_by);
    }
    apply_rules(system, config, detection);
    if (detection.platform == nullptr) {
        probe_clouds(system, detection, std::move(stop));
    }
    return detection;
}

Error not_recognised(const Detection& detection) {
    std::string tried;
    for (const auto& [platform, evidence] : detection.rules) {
        tried += "; " + std::string(platform->name()) + ": " + evidence.rule + ", but saw " + evidence.seen;
    }
    for (const auto& [platform, request, seen] : detection.probes) {
        tried += "; " + std::string(platform->name()) + ": " + request + ": " + seen;
    }
    return transient_error("platform.not_recognised",
                           "no rule recognised the platform of this machine, and no cloud proved itself" + tried,
                           "name it: \"platform\" in /etc/bootwright/agent.json, or bootwright.platform= on the kernel "
                           "command line; `bootwright explain` shows all of this");
}

const Platform& find_platform(const System& system, const AgentConfig& config, std::stop_token stop) {
    const Detection detection = detect_platform(system, config, std::move(stop));
    if (detection.platform == nullptr) {
        throw not_recognised(detection);
    }
    return *detection.platform;
}

void check_not_going_away(const Platform& platform, const System& system, const AgentConfig& config,
                          std::stop_token stop) {
    constexpr std::chrono::milliseconds longest_question{2000};
    constexpr std::chrono::minutes look_again{10};  // a notice may be withdrawn
    AgentConfig impatient = config;
    impatient.metadata_timeout = std::min(config.metadata_timeout, longest_question);
    std::optional<StopNotice> notice;
    try {
        notice = platform.stop_notice(system, impatient, std::move(stop));
    } catch (const Error& error) {
        if (error.kind == ErrorKind::stopped) {
            throw;
        }
    }
    if (notice) {
        Error error(
            ErrorKind::stopped, "platform.going_away",
            std::string(platform.name()) + " takes this instance away " +
                (notice->at.empty() ? "soon" : "at " + notice->at) + ": " + notice->why + ". Nothing new is started",
            "nothing: another instance takes its place, or this one goes on after its next start; if the notice "
            "is withdrawn, the daemon goes on by itself");
        error.retry_after = look_again;
        throw error;
    }
}

std::optional<std::string> read_value(const System& system, std::string_view path) {
    try {
        const auto content = read_file_if_exists(system.path(path), largest_value);
        return content ? std::optional<std::string>(trimmed(*content)) : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;  // unreadable is as good as not there: detection goes on with the next rule
    }
}

std::optional<std::string> kernel_parameter(const System& system, std::string_view name) {
    // As the kernel reads it: a part between double quotes may hold spaces, and the quotes do not count.
    std::vector<std::string> words(1);
    bool is_quoted = false;
    for (const char c : read_value(system, "/proc/cmdline").value_or("")) {
        if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == ' ' && !is_quoted) {
            words.emplace_back();
        } else {
            words.back() += c;
        }
    }
    for (const std::string& word : words) {
        if (word.starts_with(std::string(name) + "=")) {
            return word.substr(name.size() + 1);
        }
    }
    return std::nullopt;
}

std::string machine_id(const System& system) {
    const auto id = read_value(system, "/etc/machine-id");
    if (!id || id->empty() || *id == "uninitialized") {
        throw transient_error("platform.no_identity", "this machine has no /etc/machine-id, so nothing identifies it",
                              "run systemd-machine-id-setup, or let the platform give an instance id");
    }
    return *id;
}

Evidence dmi_is(const System& system, std::string_view field, std::string_view wanted) {
    return dmi_evidence(system, field, "is " + std::string(wanted),
                        [&](std::string_view value) { return value == wanted; });
}

Evidence dmi_starts_with(const System& system, std::string_view field, std::string_view wanted) {
    return dmi_evidence(system, field, "starts with " + std::string(wanted),
                        [&](std::string_view value) { return value.starts_with(wanted); });
}

Evidence label_evidence(const System& system, std::string_view label) {
    const std::string link = "/dev/disk/by-label/" + std::string(label);
    std::error_code error;
    const bool exists = std::filesystem::exists(system.path(link), error);
    return {link, "a volume is labelled " + std::string(label), exists ? "a volume" : "(no such label)", exists};
}

std::string text_at(const Json& object, const char* key) {
    const Json& value = member_at(object, key);
    return value.is_string() ? value.get<std::string>() : value.is_number() ? to_line(value) : "";
}

const Json& object_at(const Json& document, const std::string& pointer) {
    static const Json nothing = Json::object();
    const Json::json_pointer path(pointer);
    return document.contains(path) && document.at(path).is_object() ? document.at(path) : nothing;
}

const Json& list_at(const Json& document, const std::string& pointer) {
    static const Json nothing = Json::array();
    const Json::json_pointer path(pointer);
    return document.contains(path) && document.at(path).is_array() ? document.at(path) : nothing;
}

std::optional<std::string> string_if_there(const Json& object, const char* key) {
    const Json& value = member_at(object, key);
    return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

std::string required_id(const Json& document, const char* key, const std::string& called) {
    std::string id = text_at(document, key);
    if (id.empty()) {
        throw bad_document(called, std::string("names no ") + key);
    }
    return id;
}

bool is_word(std::string_view text) { return is_made_of(text, "._:-", 100); }

std::string word_or_nothing(const std::string& text) { return is_word(text) ? text : ""; }

void keep_address(std::vector<std::string>& addresses, const std::string& address) {
    if (!address.empty() && std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
        addresses.push_back(address);
    }
}

std::string decoded_user_data(std::string text) {
    auto decoded = decode_base64(text);
    return decoded ? std::move(*decoded) : std::move(text);
}

void add_tags(InstanceMetadata& metadata, const Json& tags) {
    const Json names = tags.is_object() ? tags : Json::object();
    for (const auto& [key, value] : names.items()) {
        metadata.tags[key] = value.is_string() ? value.get<std::string>() : to_line(value);
    }
    for (const Json& tag : tags.is_array() ? tags : Json::array()) {
        const std::string word = tag.is_string() ? tag.get<std::string>() : "";
        const bool is_ours = lower(word).starts_with("bootwright:");
        const std::size_t equals = word.find('=');
        const std::size_t separator =
            equals == std::string::npos && is_ours ? word.find(':', std::string_view("bootwright:").size()) : equals;
        if (!word.empty()) {
            metadata.tags[word.substr(0, separator)] = separator == std::string::npos ? "" : word.substr(separator + 1);
        }
    }
}

}  // namespace bootwright
