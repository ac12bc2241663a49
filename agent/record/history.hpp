#pragma once

#include "agent/record/run_report.hpp"
#include "agent/role/role_config.hpp"
#include "agent/system.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace bootwright {

/// The number of the next run: one more than the highest on disk. Reads only.
int next_run_number(const System& system);

/// /var/lib/bootwright/runs/000042
std::filesystem::path run_folder(const System& system, int number);

/// Keeps the role config that a run goes by: role_config.json (0600: its data may hold secrets). @throws Error io.*
void keep_role_config(const System& system, int number, const RoleConfig& role);

/// Keeps the finished run: report.json, and, if it was good, last_good.json, which protects its checkout.
/// @throws Error io.*
void keep_report(const System& system, const RunReport& report);

/// The revision of the last good run, or "".
std::string last_good_revision(const System& system);

/// Removes all but the newest runs. @throws Error io.*
void prune_history(const System& system, int keep);

}  // namespace bootwright
