#include "agent/run_worker.hpp"

#include "agent/puppet/hand_over.hpp"
#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run.hpp"
#include "common/error.hpp"
#include "common/log.hpp"
#include "common/process.hpp"

#include <sys/eventfd.h>

#include <optional>
#include <string>

namespace bootwright {

namespace {

FileLock take_run_lock(const System& system) {
    make_folder(system.runtime(), 0755);
    make_folder(system.state(), 0700);
    auto lock = FileLock::try_take(system.runtime() / "run.lock");
    if (!lock) {
        throw transient_error("run.locked", "another run is under way on this machine",
                              "wait for it: `bootwright status --wait` shows how it ends");
    }
    return std::move(*lock);
}

/// A run whose agent was killed may have left a child at work: two Puppets at once must not be. Under systemd the whole
/// control group is gone already; this is for runs by hand.
void end_leftovers(const System& system) {
    const Json status = StatusFile(system).read();
    const auto run = status.find("run");
    if (run == status.end() || !run->is_object() || string_at(*run, "state") != "running") {
        return;
    }
    const auto child = run->find("child");
    if (child == run->end() || !child->is_object()) {
        return;
    }
    const std::size_t killed =
        end_process_tree({static_cast<pid_t>(number_at(*child, "pid")), number_at(*child, "pid_start")});
    if (killed > 0) {
        log(LogLevel::warning, "ended " + std::to_string(killed) + " processes that a killed run had left");
    }
}

/// Puppet may have asked for the restart that began this agent: what it does belongs to a run that is not yet over.
void wait_for_handed_over(const System& system) {
    const auto puppet = find_handed_over(system);
    if (!puppet) {
        return;
    }
    if (system.clock.now().since_boot >= puppet->deadline) {
        end_process_tree(puppet->keeper);
        return;
    }
    if (!StatusFile(system).read().value("configured", Json()).is_object()) {
        end_waiting_systemctl(*puppet);
    }
    throw transient_error(
        "run.locked",
        "the Puppet of run " + std::to_string(puppet->run) + ", which has restarted bootwright, is still at work",
        "wait for it: the next run begins when it has ended");
}

}  // namespace

RunWorker::RunWorker(const System& system)
    : lock_(take_run_lock(system)), ended_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    wait_for_handed_over(system);
    end_leftovers(system);
    record_ = std::make_unique<RunRecord>(system, next_run_number(system));
    thread_ = std::jthread([this, &system](std::stop_token stop) {
        report_ = run(system, *record_, stop);
        eventfd_write(ended_.get(), 1);
    });
}

RunWorker::~RunWorker() {
    request_stop();
    join();
}

RunReport RunWorker::join() {
    if (thread_.joinable()) {
        thread_.join();
    }
    return report_;
}

}  // namespace bootwright
