#pragma once

#include "agent/config/system.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/processes/service_manager.hpp"

#include <string>

namespace bootwright {

/// Follows what Puppet applies across reboots, in /var/lib/bootwright/applying.json. Resumes a run that a shutdown cut off,
/// stops applying a configuration that reboots the machine each time (docs/decisions/0014-reboots.md), and knows whether what
/// was applied is on the disks.
class Applying {
public:
    /// @param most reboots in a row; 0: any number
    /// @throws Error puppet.reboot_loop (permanent); io.*
    Applying(const System& system, int run, const std::string& revision, const RoleConfig& role, int most);
    Applying(const Applying&) = delete;
    Applying& operator=(const Applying&) = delete;
    /// Unless ended() was called, records that Puppet has not even begun.
    ~Applying();

    /// The run of an earlier boot that this one resumes; 0: none.
    [[nodiscard]] int resumes() const { return resumes_; }

    /// True if what Puppet has done earlier in this boot may be in memory only: it was cut off, or nothing could flush it.
    [[nodiscard]] bool owes_flush() const { return owes_flush_; }

    /// Records that Puppet has ended, or was ended because the machine is `going_down`.
    /// @param is_flushed what it and those before it changed is on the disks @throws Error io.*
    void ended(bool has_changed, bool is_flushed, GoingDown going_down);

private:
    void write() const;

    const System& system_;
    Json state_;
    int resumes_ = 0;
    bool owes_flush_ = false;
    bool has_ended_ = false;
};

/// The error (stopped) of a run in whose midst the machine went down.
Error cut_off_by(GoingDown going_down);

/// Records that the machine reboots while no run is under way. Right after a run that changed something, the reboot
/// counts as that run's.
void machine_reboots(const System& system);

/// Counts reboots anew, since an operator wants the configuration applied. @throws Error io.*
void forget_reboots(const System& system);

}  // namespace bootwright
