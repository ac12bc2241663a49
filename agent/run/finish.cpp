#include "agent/run/finish.hpp"

#include "agent/record/past.hpp"
#include "agent/run/accept.hpp"
#include "common/base/error.hpp"

namespace bootwright {

RunReport finish(const System& system, RunRecord& record, int keep, const std::optional<LastGood>& good) {
    return record.finish([&](const RunReport& report) {
        try {
            keep_report(system, report);
            if (report.is_good() && good) {
                keep_last_good(system, *good);
                remove_unused(system, good->repositories);
            }
            prune_history(system, keep);
            remember_runs(system);
        } catch (const Error& error) {
            record.warning("the run's record is not complete: " + error.message);
        }
    });
}

}  // namespace bootwright
