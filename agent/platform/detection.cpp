#include "agent/platform/detection.hpp"

#include "agent/platform/machine.hpp"
#include "common/base/text.hpp"
#include "common/net/http.hpp"
#include "common/net/url.hpp"

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

}  // namespace

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

}  // namespace bootwright
