#include "agent/run/run_worker.hpp"

#include "agent/puppet/eyaml_keys.hpp"
#include "agent/puppet/hand_over.hpp"
#include "agent/record/history.hpp"
#include "agent/record/locks.hpp"
#include "agent/record/past.hpp"
#include "agent/record/status_file.hpp"
#include "agent/trace/trace.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/processes/process.hpp"
#include "common/processes/process_tree.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace bootwright {

namespace {

/// A run whose agent was killed may have left a child at work: there must not be two Puppets at once. Under systemd the
/// whole control group is gone already; this is for runs by hand.
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
    const std::size_t killed = end_process_tree(process_in(*child));
    if (killed > 0) {
        log(LogLevel::warning,
            "ended what a killed run had left: " + std::to_string(killed) + (killed == 1 ? " process" : " processes"));
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

/// A run that a lock stops has its place in the history. The status goes on to show the last one that did something.
void keep_stopped(const System& system, const RunOrder& order, const Error& error) {
    const Instant now = system.clock.now();
    RunReport report{.number = next_run_number(system),
                     .cause = order.cause,
                     .asked_by = order.by,
                     .started = now,
                     .heartbeat = now,
                     .finished = now,
                     .stage_started = now,
                     .error = error};
    report.puppet.outcome = Outcome::locked;
    try {
        keep_report(system, report);
        remember_runs(system);
    } catch (const Error& failure) {
        log(LogLevel::warning, "that a lock has stopped a run is not kept: " + failure.message);
    }
}

/// Returns the names of the locks that the run goes past. One that changes nothing goes past all. @throws Error lock.held, lock.unreadable; io.*
std::vector<std::string> pass_locks(const System& system, const RunOrder& order) {
    std::vector<Lock> locks;
    try {
        locks = held_locks(system);
    } catch (const Error& error) {
        if (!order.goes_past_locks && !order.noop) {
            throw;
        }
        return {error.code};
    }
    show_locks(system, locks);
    if (!locks.empty() && !order.goes_past_locks && !order.noop) {
        const Error error = lock_held(locks, system.clock.now());
        keep_stopped(system, order, error);
        throw error;
    }
    std::vector<std::string> names;
    std::transform(locks.begin(), locks.end(), std::back_inserter(names), [](const Lock& lock) { return lock.name; });
    return names;
}

}  // namespace

FileLock take_run_lock(const System& system) {
    make_folder(system.runtime(), 0755);
    auto lock = FileLock::try_take(system.runtime() / "run.lock");
    if (!lock) {
        throw transient_error("run.locked", "another run is under way on this machine",
                              "wait for it: `bootwright status --wait` shows how it ends");
    }
    return std::move(*lock);
}

void tell_what_blocks(const System& system, const Error& error) {
    if (error.code == "run.locked") {
        return;
    }
    try {
        StatusFile(system).update([&](Json& status) {
            if (error.code == "lock.held") {  // it has a place of its own, and nothing else is in the way
                status["blocked"] = nullptr;
                return;
            }
            const Json before = status.value("blocked", Json());
            const bool is_same = before.is_object() && before.value("error", Json()) == to_json(error);
            status["blocked"] = {{"since", is_same ? before.value("since", Json()) : to_json(system.clock.now())},
                                 {"error", to_json(error)}};
        });
    } catch (const Error& failure) {
        log(LogLevel::error, "status.json is not written: " + failure.message);
    }
}

RunWorker::RunWorker(const System& system, const RunOrder& order)
    : lock_(take_run_lock(system)),
      over_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      ended_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    try {
        begin(system, order);
    } catch (const Error& error) {
        tell_what_blocks(system, error);
        throw;
    }
}

void RunWorker::begin(const System& system, const RunOrder& order) {
    if (!over_ || !ended_) {
        throw system_call_error("make", "a descriptor for the run's events", EMFILE);
    }
    make_folder(system.state(), 0700);
    wait_for_handed_over(system);
    end_leftovers(system);
    remove_eyaml_keys(system);
    const auto locks = pass_locks(system, order);
    record_ = std::make_unique<RunRecord>(system, next_run_number(system));
    record_->begins_because(order.cause, order.by);
    record_->goes_past(locks);
    if (order.noop) {
        record_->is_tried_out();
    }
    record_->tell_when_over([this] {
        is_over_ = true;
        eventfd_write(over_.get(), 1);
    });
    try {
        thread_ = std::jthread([this, &system, order](std::stop_token stop) {
            report_ = run(system, *record_, order, stop);
            if (!order.noop) {
                send_trace(system, report_, stop);
            }
            has_ended_ = true;
            eventfd_write(ended_.get(), 1);
        });
    } catch (const std::system_error& failure) {
        const Error error =
            transient_error("process.cannot_start", "cannot start a thread for the run: " + failure.code().message(),
                            "check that memory is free, and that the service may have more tasks "
                            "(`systemctl show -p TasksMax bootwright`)");
        record_->error(error);
        record_->finish();
        throw error;
    }
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
