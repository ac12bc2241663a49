#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/config/config.hpp"
#include "agent/platform/detection.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"

#include <algorithm>

namespace bootwright {

namespace {

/// The document for people and programs: never the user-data itself.
Json document_of(const InstanceMetadata& metadata) {
    Json document = shown_json(metadata);
    document["user_data"] = metadata.user_data
                                ? Json{{"origin", metadata.user_data_origin}, {"bytes", metadata.user_data->size()}}
                                : Json();
    return document;
}

/// "tags.Name" -> the value, for each value of the document.
std::map<std::string, Json> flattened(const Json& document) {
    std::map<std::string, Json> values;
    for (const auto& [key, value] : document.items()) {
        values[key] = value;
        const Json inside = value.is_object() ? value : Json::object();
        for (const auto& [name, inner] : inside.items()) {
            values[key + "." + name] = inner;
        }
    }
    return values;
}

void print_value(const Json& document, const std::string& key) {
    const auto values = flattened(document);
    const auto found = values.find(key);
    if (found == values.end()) {
        std::vector<std::string> keys;
        keys.reserve(values.size());
        for (const auto& [name, value] : values) {
            keys.push_back(name);
        }
        const auto meant = nearest(key, keys);
        throw permanent_error("metadata.no_such_key", "the instance's metadata has no \"" + key + "\"",
                              meant ? "did you mean \"" + *meant + "\"?" : "`bootwright metadata` lists all");
    }
    print_line(shown(found->second, ""));
}

void print_all(const Json& document) {
    for (const auto& [key, value] : flattened(document)) {
        const bool is_taken_apart = value.is_object() && !value.empty();
        if (!is_taken_apart) {
            print_line(key + std::string(key.size() < 18 ? 18 - key.size() : 1, ' ') + shown(value, ""));
        }
    }
}

InstanceMetadata read_metadata_now(const System& system, const AgentConfig& config) {
    constexpr int most_attempts = 5;  // somebody is waiting
    const Detection found = find_platform(system, config, {});
    RetryPolicy policy = config.retry.platform.value_or(found.instance->retry_policy());
    policy.attempts = std::min(policy.attempts, most_attempts);
    return retry(
        policy, system.clock, system.random, {}, [&](int) { return read_instance(found, system, config, {}); },
        [](int, std::chrono::milliseconds delay, const Error& error) {
            log(LogLevel::warning, error.message + "; trying again in " + to_human(delay));
        });
}

/// @throws Error platform.*, http.*, metadata.no_such_key
int run(const System& system, const CommandArguments& given) {
    const Json document = document_of(read_metadata_now(system, read_agent_config(system)));
    if (const std::string key = given.value("KEY"); !key.empty()) {
        print_value(document, key);
    } else if (given.has("--json")) {
        print_json(document);
    } else {
        print_all(document);
    }
    return exit_ok;
}

const Command command{
    .name = "metadata",
    .help = "Print what the platform says of this instance",
    .options = {{CommandOption::Kind::argument, "KEY", "Only this value, such as region or tags.Name"},
                {CommandOption::Kind::flag, "--json", "Print a JSON document"}},
    .examples = {{"bootwright metadata", "All that the platform says"},
                 {"bootwright metadata region", "One value, for a script"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
