#pragma once

#include "agent/config/system.hpp"
#include "common/documents/json.hpp"
#include "common/processes/process.hpp"

#include <functional>
#include <string>

namespace bootwright {

/// /run/bootwright/status.json: what operators read. World-readable, without secrets, replaced as a whole at each
/// change, so that it is valid at every instant. Each section has one writer: for `daemon` the daemon, for the others
/// who runs or tries to.
class StatusFile {
public:
    explicit StatusFile(const System& system) : system_(system) {}

    /// The present status. That of an earlier boot counts as none. So does one that cannot be understood; its reason,
    /// the Error status.unreadable, is then the member `unreadable`, which the file itself never has. @throws Error io.*
    [[nodiscard]] Json read() const;

    /// Changes the status under a lock, so that the daemon and a run by hand do not undo each other's changes.
    /// @throws Error io.*
    void update(const std::function<void(Json& status)>& change) const;

private:
    const System& system_;
};

/// The process that a section of the status names: "pid" and "pid_start". 0: none.
ProcessId process_in(const Json& section);

/// An identifier of this boot of the kernel; tells a status that a reboot has made stale.
std::string boot_id(const System& system);

}  // namespace bootwright
