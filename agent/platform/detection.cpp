#include "agent/platform/detection.hpp"

#include "agent/platform/container.hpp"
#include "agent/platform/machine.hpp"
#include "common/base/text.hpp"
#include "common/net/http.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

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

/// True for what a container sees of its host, and has no own of.
bool belongs_to_host(Rank rank) {
    constexpr std::array own{Rank::image,       Rank::credential,   Rank::role_file,
                             Rank::seed_folder, Rank::guest_socket, Rank::seed_of_template};
    return std::find(own.begin(), own.end(), rank) == own.end();
}

/// A platform that is named outright is a rule like the others.
void add_named(Detection& detection, const std::optional<std::string>& name, const std::string& said_by,
               Evidence evidence) {
    if (name && *name != "auto") {
        evidence.seen = *name;
        evidence.matched = true;
        detection.rules.push_back({&platform_by_name(*name, said_by), std::move(evidence), said_by});
    }
}

void apply_rules(const System& system, const AgentConfig& config, Detection& detection) {
    for (const Platform* platform : platforms()) {
        for (Evidence& evidence : platform->detect(system, config)) {
            evidence.seen = without_credentials(evidence.seen);  // a seed's URL may carry some
            if (detection.container && belongs_to_host(evidence.rank)) {
                evidence.seen += evidence.matched ? ", of this container's host" : "";
                evidence.matched = false;
            }
            detection.rules.push_back({platform, std::move(evidence)});
        }
    }
    std::stable_sort(detection.rules.begin(), detection.rules.end(),
                     [](const auto& a, const auto& b) { return a.evidence.rank < b.evidence.rank; });
}

/// The first rule that matches decides. Where that platform does not know which instance this is, and was not named
/// outright, the first one after it that does says so.
void choose(Detection& detection) {
    const auto& rules = detection.rules;
    const auto first = std::find_if(rules.begin(), rules.end(), [](const auto& one) { return one.evidence.matched; });
    if (first == rules.end()) {
        return;
    }
    detection.platform = detection.instance = first->platform;
    detection.chosen_by = first->chosen_by;
    const auto knows_better = [&](const Detection::Applied& one) {
        return one.evidence.matched && one.platform != first->platform &&
               first->platform->leaves_identity_to(one.evidence.rank);
    };
    const bool is_named = first->evidence.rank < Rank::credential;
    if (const auto other = std::find_if(first, rules.end(), knows_better); !is_named && other != rules.end()) {
        detection.instance = other->platform;
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
        detection.platform = detection.instance = detection.probes[*race.winner].platform;
        detection.chosen_by = "the answer of its metadata service";
    }
}

}  // namespace

Detection detect_platform(const System& system, const AgentConfig& config, std::stop_token stop) {
    Detection detection{.container = container(system)};
    add_named(detection, kernel_parameter(system, "bootwright.platform"), "the kernel command line",
              {.path = "/proc/cmdline", .rule = "bootwright.platform= names it", .rank = Rank::kernel_line});
    add_named(detection, config.platform, "the image's configuration (agent.json)",
              {.path = "/etc/bootwright/agent.json", .rule = "platform names it", .rank = Rank::image});
    apply_rules(system, config, detection);
    choose(detection);
    if (detection.platform == nullptr && !detection.container) {
        probe_clouds(system, detection, std::move(stop));
    }
    return detection;
}

Error not_recognised(const Detection& detection) {
    std::string tried;
    for (const auto& [platform, evidence, chosen_by] : detection.rules) {
        tried += "; " + std::string(platform->name()) + ": " + evidence.rule + ", but saw " + evidence.seen;
    }
    for (const auto& [platform, request, seen] : detection.probes) {
        tried += "; " + std::string(platform->name()) + ": " + request + ": " + seen;
    }
    if (detection.container) {
        return transient_error(
            "platform.not_recognised",
            "this is a container (" + *detection.container +
                "), and nothing of its own says what it is; its host's firmware, kernel command line and "
                "metadata service are another machine's, and were not believed" +
                tried,
            "give it a role config of its own: /etc/bootwright/role.json, a seed in "
            "/var/lib/cloud/seed/nocloud, or a credential; if a metadata service is meant for this "
            "container, name its platform: \"platform\" in /etc/bootwright/agent.json");
    }
    return transient_error("platform.not_recognised",
                           "no rule recognised the platform of this machine, and no cloud proved itself" + tried,
                           "name it: \"platform\" in /etc/bootwright/agent.json, or bootwright.platform= on the kernel "
                           "command line; `bootwright explain` shows all of this");
}

Detection find_platform(const System& system, const AgentConfig& config, std::stop_token stop) {
    Detection detection = detect_platform(system, config, std::move(stop));
    if (detection.platform == nullptr) {
        throw not_recognised(detection);
    }
    return detection;
}

InstanceMetadata read_instance(const Detection& found, const System& system, const AgentConfig& config,
                               const std::stop_token& stop) {
    InstanceMetadata metadata = found.instance->read(system, config, stop);
    if (found.platform == found.instance) {
        return metadata;
    }
    InstanceMetadata given = found.platform->read(system, config, stop);
    if (given.user_data) {
        metadata.user_data = std::move(given.user_data);
        metadata.user_data_origin = std::move(given.user_data_origin);
        metadata.user_data_is_roots = given.user_data_is_roots;
    }
    return metadata;
}

}  // namespace bootwright
