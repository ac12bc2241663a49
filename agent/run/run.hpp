#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/record/run_record.hpp"
#include "agent/record/run_report.hpp"

#include <optional>
#include <stop_token>
#include <string>

namespace bootwright {

/// What a run is for.
struct RunOrder {
    RunCause cause = RunCause::boot;
    std::string by{};  ///< who asked for it: "alice on /dev/pts/0"; "": nobody
    bool goes_past_locks = false;
    bool noop = false;       ///< Puppet only says what it would do
    std::string revision{};  ///< of the control repository, in place of the pin; "": the pin

    struct RoleConfigFile {
        std::string path;
        std::string content;
    };
    std::optional<RoleConfigFile> role_config{};  ///< in place of the user-data

    /// The file, if there is one, in place of what the platform gave.
    void put_role_config_into(InstanceMetadata& instance) const {
        if (role_config) {
            instance.user_data = role_config->content;
            instance.user_data_origin = role_config->path;
            instance.user_data_is_roots = true;
        }
    }

    /// True if the next run is to know nothing of it.
    [[nodiscard]] bool is_one_off() const { return noop || !revision.empty() || role_config; }
};

/// One pass through all stages: hooks, platform, role, repository, puppet, record. Never throws: what went wrong is in the
/// report, and in status.json and the history before it returns. The caller holds the run lock.
RunReport run(const System& system, RunRecord& record, const RunOrder& order, std::stop_token stop);

}  // namespace bootwright
