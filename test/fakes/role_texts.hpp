#pragma once

#include "agent/config/config.hpp"
#include "agent/role/role_layers.hpp"

#include <string>

namespace bootwright {

/// An image whose agent.json has this `role_config`.
inline AgentConfig image(const std::string& role_config) {
    AgentConfig config;
    config.role_defaults.push_back(
        JsonDocument::parse("{\"role_config\": " + role_config + "}", "/etc/bootwright/agent.json", "config.invalid"));
    return config;
}

/// A role config, as user-data, that has `value` at `key`, on line 2, beside what every one must have.
inline RoleConfig read_with(const std::string& key, const std::string& value, const AgentConfig& config = {}) {
    const std::string text =
        R"({"role": "web", "repository": {"url": "https://h/x", "revision": "0123456789abcdef0123456789abcdef01234567"},)"
        "\n\"" +
        key + "\": " + value + "}";
    return read_role_config(
        config, {.platform = "ec2", .instance_id = "i-1", .user_data = text, .user_data_origin = "user-data"});
}

}  // namespace bootwright
