#pragma once

#include "agent/config/system.hpp"
#include "agent/record/run_report.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The number of the next run: one more than the highest on disk, or in the past. Reads only.
int next_run_number(const System& system);

/// The numbers of the runs on disk that are higher than `number`, the lowest first.
std::vector<int> runs_after(const System& system, int number);

/// /var/lib/bootwright/runs/000042
std::filesystem::path run_folder(const System& system, int number);

/// Keeps the role config that a run goes by: role_config.json (0600: its data may hold secrets). @throws Error io.*
void keep_role_config(const System& system, int number, const RoleConfig& role);

/// Keeps the finished run: report.json. @throws Error io.*
void keep_report(const System& system, const RunReport& report);

/// The last good run, with all that it takes to apply the same again: /var/lib/bootwright/last_good.json (0600: user-data
/// may hold secrets). Its checkouts are protected.
struct LastGood {
    int run = 0;
    std::string revision{};       ///< of the control repository
    std::string configuration{};  ///< of the second repository, if there was one
    std::string role_config{};    ///< name_of() the role config
    InstanceMetadata instance{};  ///< with its user-data at that time
    Revisions repositories{};     ///< of those beside the control repository

    /// True if another run applies the same.
    [[nodiscard]] bool is_same_as(const LastGood& other) const {
        return revision == other.revision && configuration == other.configuration &&
               repositories == other.repositories && role_config == other.role_config;
    }
};

/// A name, of 16 hex digits, that tells two role configs apart.
std::string name_of(const RoleConfig& role);

/// Returns nullopt if there is none, or if it cannot be understood. @throws Error io.*
std::optional<LastGood> read_last_good(const System& system);

/// @throws Error io.*
void keep_last_good(const System& system, const LastGood& good);

/// Removes all but the newest runs. Of those that stay, the oldest lose what Puppet said and applied, and keep report and
/// role config, once the records hold more than `most_bytes` together; the newest run stays whole. @throws Error io.*
void prune_history(const System& system, int keep, std::uint64_t most_bytes = std::uint64_t{64} << 20U);

}  // namespace bootwright
