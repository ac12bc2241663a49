#pragma once

// Role configs as user-data.

#include "agent/role/role_layers.hpp"
#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"

#include <string>

namespace bootwright::role_layers_tests {

inline constexpr const char* pin = "0123456789abcdef0123456789abcdef01234567";

/// The smallest role config that is complete, with `more` members.
inline std::string complete(const std::string& more = "") {
    return R"({"role": "web", "repository": {"url": "https://git.example.com/puppet.git", "revision": ")" +
           std::string(pin) + "\"}" + (more.empty() ? "" : ", " + more) + "}";
}

inline InstanceMetadata instance(std::optional<std::string> user_data) {
    return {
        .platform = "ec2", .instance_id = "i-1", .user_data = std::move(user_data), .user_data_origin = "user-data"};
}

inline AgentConfig with_layer(const std::string& role_config, AgentConfig config = {},
                              const std::string& origin = "/etc/bootwright/agent.json") {
    config.role_defaults.push_back(
        JsonDocument::parse("{\n\"role_config\": " + role_config + "}", origin, "config.invalid"));
    return config;
}

inline RoleConfig read(const std::string& user_data, const AgentConfig& config = {}) {
    return read_role_config(config, instance(user_data));
}

inline Error error_for(const std::string& user_data, const AgentConfig& config = {}) {
    return error_of([&] { return read(user_data, config); });
}

}  // namespace bootwright::role_layers_tests
