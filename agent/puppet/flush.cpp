#include "agent/puppet/flush.hpp"

#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/files/mount.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace bootwright {

namespace {

constexpr std::chrono::minutes longest{1};

/// True unless Puppet says that it did nothing: one that was ended has said nothing.
bool may_have_changed(const PuppetResult& result) {
    return !result.resources || result.resources->changed > 0 || result.resources->failed > 0;
}

ProcessRequest sync_request(const System& system) {
    ProcessRequest request{
        .arguments = {"/bin/sync", "--file-system"}, .environment = {{"LC_ALL", "C.UTF-8"}}, .timeout = longest};
    for (const auto& mount : disk_mounts(system.path("/proc/self/mounts"))) {
        request.arguments.push_back(mount.string());
    }
    return request;
}

}  // namespace

bool flush_after(const PuppetResult& result, bool is_owed, const System& system, const StageEvents& events,
                 const std::stop_token& stop) {
    if (!is_owed && !may_have_changed(result)) {
        return true;
    }
    if (stop.stop_requested()) {
        return false;
    }
    std::string why = "`sync` has failed";
    const auto complaint = [&](std::string_view line) { why = printable(line); };
    try {
        const ProcessResult sync = system.processes.run(
            sync_request(system), {.started = events.child_started, .error_line = complaint}, stop);
        if (sync.end == ProcessResult::End::exited && sync.exit_code == 0) {
            return true;
        }
        if (sync.end == ProcessResult::End::stopped) {
            return false;
        }
        if (sync.end == ProcessResult::End::timed_out) {
            why = "`sync` has not ended after " + to_human(longest);
        }
    } catch (const Error& error) {
        why = error.message;
    }
    events.warning("what Puppet has changed may not be on the disks yet, and a power cut would take it back: " + why +
                   "; the next run tries again. `dmesg` says whether a disk is ill");
    return false;
}

}  // namespace bootwright
