#include "agent/puppet/result/observation.hpp"

#include "common/base/text.hpp"
#include "common/documents/json.hpp"

namespace bootwright {

namespace {

/// A member that is an array, else an empty one.
Json array_at(const Json& object, const char* key) {
    const Json& member = member_at(object, key);
    return member.is_array() ? member : Json::array();
}

std::vector<std::string> texts_at(const Json& object, const char* key) {
    std::vector<std::string> texts;
    for (const Json& text : array_at(object, key)) {
        if (text.is_string()) {
            texts.push_back(text.get<std::string>());
        }
    }
    return texts;
}

double seconds_of(const Json& value) { return value.is_number() ? value.get<double>() : 0; }

std::optional<double> began_of(const Json& value) {
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::vector<Took> durations_at(const Json& object, const char* key, const char* what) {
    std::vector<Took> durations;
    for (const Json& entry : array_at(object, key)) {
        if (entry.is_object()) {
            durations.push_back(
                {string_at(entry, what), seconds_of(member_at(entry, "seconds")), began_of(member_at(entry, "began"))});
        }
    }
    return durations;
}

std::vector<FailedResource> resources_at(const Json& object, const char* key) {
    std::vector<FailedResource> resources;
    for (const Json& entry : array_at(object, key)) {
        if (entry.is_object()) {
            resources.push_back({string_at(entry, "resource"), joined(texts_at(entry, "messages"), "; "),
                                 string_at(entry, "file"), static_cast<int>(number_at(entry, "line"))});
        }
    }
    return resources;
}

std::optional<std::vector<FailedResource>> failed_at(const Json& object) {
    return object.contains("failed") ? std::optional(resources_at(object, "failed")) : std::nullopt;
}

std::optional<SeenEnvironment> environment_at(const Json& object) {
    const Json& seen = member_at(object, "environment");
    if (!seen.is_object()) {
        return std::nullopt;
    }
    return SeenEnvironment{.manifest = string_at(seen, "manifest"),
                           .has_manifest = seen.value("has_manifest", Json()) == true,
                           .classes = texts_at(seen, "classes"),
                           .nodes = texts_at(seen, "nodes"),
                           .node = string_at(seen, "node")};
}

CompileFailure compile_failure_at(const Json& object) {
    const Json& seen = member_at(object, "compile_failure");
    if (!seen.is_object()) {
        return {};
    }
    CompileFailure failure{.at = string_at(seen, "at")};
    for (const Json& lookup : array_at(seen, "lookups")) {
        if (lookup.is_object()) {
            failure.lookups.push_back({string_at(lookup, "key"), texts_at(lookup, "through")});
        }
    }
    return failure;
}

}  // namespace

std::optional<Observation> read_observation(const std::optional<std::string>& text) {
    const Json json = text ? parse_json(*text) : Json();
    if (!json.is_object()) {
        return std::nullopt;
    }
    Observation seen{.puppet_version = string_at(json, "puppet_version"),
                     .phase = string_at(json, "phase"),
                     .catalog_digest = string_at(json, "catalog_digest"),
                     .phases = {},
                     .failed = failed_at(json),
                     .drifted = resources_at(json, "noop"),
                     .failed_to_generate = json.value("failed_to_generate", Json()) == true,
                     .slowest = durations_at(json, "slowest", "resource"),
                     .slow_facts = durations_at(json, "slow_facts", "fact"),
                     .unused_data = texts_at(json, "unused_data"),
                     .looked_up = texts_at(json, "looked_up"),
                     .problems = texts_at(json, "problems"),
                     .environment = environment_at(json),
                     .compile_failure = compile_failure_at(json)};
    const Json times = json.value("times", Json());
    const Json& began = member_at(json, "began");
    for (const auto& [phase, seconds] : times.items()) {
        seen.phases.push_back({phase, seconds_of(seconds), began_of(member_at(began, phase.c_str()))});
    }
    return seen;
}

}  // namespace bootwright
