#pragma once

#include "agent/system.hpp"
#include "common/json.hpp"
#include "common/retry.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What the image says: /etc/bootwright/agent.json, then agent.d/*.json in the order of their names, later files winning
/// key by key. Every key has a default; docs/configuration.md explains them.
struct AgentConfig {
    std::string platform = "auto";
    bool allow_imdsv1 = false;
    std::chrono::milliseconds metadata_timeout = std::chrono::seconds(10);  ///< for one request
    std::chrono::milliseconds metadata_watch = std::chrono::minutes(1);     ///< between two looks; 0: never
    std::filesystem::path role_file = "/etc/bootwright/role.json";          ///< for the platform "file"

    struct Repository {
        bool allow_branches_and_tags = false;
        std::filesystem::path ca_file{};
        std::filesystem::path known_hosts = "/etc/bootwright/known_hosts";
        std::filesystem::path ssh_key = "/etc/bootwright/ssh_key";
        std::chrono::milliseconds timeout = std::chrono::minutes(15);
        std::chrono::milliseconds stall = std::chrono::seconds(30);
        int keep = 3;  ///< checkouts
    } repository;

    struct Puppet {
        std::filesystem::path path{};  ///< empty: found in /opt/puppetlabs/bin, /usr/bin, /usr/local/bin
        std::string role_fact = "role";
        std::chrono::milliseconds timeout = std::chrono::hours(1);
    } puppet;

    struct Retry {
        using ms = std::chrono::milliseconds;
        static constexpr RetryPolicy usual_platform{30, ms(250), ms(5000)};
        std::optional<RetryPolicy> platform{};  ///< nothing: as the platform itself has it
        RetryPolicy role{1, ms(0), ms(0)};
        RetryPolicy repository{5, ms(1000), ms(60000)};
        RetryPolicy puppet{3, ms(10000), ms(60000)};
        RetryPolicy run{0, ms(30000), ms(600000)};          ///< the daemon's, after a run that failed for now
        RetryPolicy permanent{0, ms(300000), ms(1800000)};  ///< the daemon's, after a run that somebody has to help
    } retry;

    int history_keep = 100;  ///< runs

    /// The layers of role config defaults, lowest first; each keeps its own text, so that errors name its lines.
    std::vector<JsonDocument> role_defaults{};
};

/// @throws Error config.invalid (permanent), naming file, line and key; io.*
AgentConfig read_agent_config(const System& system);

}  // namespace bootwright
