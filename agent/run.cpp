#include "agent/run.hpp"

#include "agent/config.hpp"
#include "agent/platform/platform.hpp"
#include "agent/puppet/puppet.hpp"
#include "agent/record/history.hpp"
#include "agent/repository/repository.hpp"
#include "agent/role/role_config.hpp"
#include "common/error.hpp"
#include "common/retry.hpp"

#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

/// The only place that retries a stage.
class Stages {
public:
    Stages(const System& system, RunRecord& record, std::stop_token stop)
        : system_(system), record_(record), stop_(std::move(stop)) {}

    template <typename Action>
    auto operator()(Stage stage, const RetryPolicy& policy, Action action) const {
        record_.begin_stage(stage, policy.attempts);
        const auto attempt = [&](int number) {
            if (stop_.stop_requested()) {
                throw stopped_error();
            }
            record_.begin_attempt(number);
            return action();
        };
        const auto on_retry = [&](int, std::chrono::milliseconds delay, const Error& error) {
            record_.retrying(error, delay);
        };
        return retry(policy, system_.clock, system_.random, stop_, attempt, on_retry);
    }

private:
    const System& system_;
    RunRecord& record_;
    std::stop_token stop_;
};

/// What a stage with a child tells the record.
StageEvents events_for(RunRecord& record) {
    return {.progress = [&](std::string_view what, std::uint64_t done,
                            std::uint64_t total) { record.progress(what, done, total); },
            .child_started = [&](ProcessId child) { record.child_started(child); }};
}

RoleConfig read_and_keep_role_config(const System& system, const AgentConfig& config, const InstanceMetadata& instance,
                                     int number) {
    RoleConfig role = read_role_config(config, instance);
    keep_role_config(system, number, role);
    return role;
}

/// What Puppet did is recorded as it is; what it did wrong then goes the way of every other error.
void apply_and_record(const System& system, const AgentConfig& config, const InstanceMetadata& instance,
                      const RoleConfig& role, const Checkout& checkout, RunRecord& record, std::stop_token stop) {
    const PuppetResult result =
        apply_puppet(system, config, instance, role, checkout, run_folder(system, record.snapshot().number),
                     events_for(record), std::move(stop));
    record.puppet(result);
    if (result.error) {
        throw *result.error;
    }
}

/// The history is kept whatever became of the run; that it cannot be kept does not make a good run bad.
RunReport finish(const System& system, RunRecord& record, int keep) {
    const RunReport report = record.finish();
    try {
        keep_report(system, report);
        prune_history(system, keep);
    } catch (const Error& error) {
        record.warning("the run's record is not complete: " + error.message);
    }
    return record.snapshot();
}

}  // namespace

RunReport run(const System& system, RunRecord& record, std::stop_token stop) {
    const Stages stage(system, record, stop);
    AgentConfig config;
    try {
        config = read_agent_config(system);
        const Platform& platform = *stage(Stage::platform, config.retry.platform.value_or(RetryPolicy{}),
                                          [&] { return &find_platform(system, config, stop); });
        const InstanceMetadata instance = stage(Stage::platform, config.retry.platform.value_or(platform.retry_policy()),
                                                [&] { return platform.read(system, config, stop); });
        record.instance(instance);

        const RoleConfig role = stage(Stage::role, config.retry.role, [&] {
            return read_and_keep_role_config(system, config, instance, record.snapshot().number);
        });
        record.role(role);

        const Checkout checkout = stage(Stage::repository, config.retry.repository, [&] {
            return prepare_checkout(system, config, role, {last_good_revision(system)}, events_for(record), stop);
        });
        record.revision(checkout.revision);

        stage(Stage::puppet, config.retry.puppet,
              [&] { apply_and_record(system, config, instance, role, checkout, record, stop); });
        record.begin_stage(Stage::record, 1);
    } catch (const Error& error) {
        record.error(error);
    } catch (const std::exception& exception) {
        record.error(transient_error("internal", std::string("an unexpected error: ") + exception.what(),
                                     "report this as a defect of bootwright, with the run's folder"));
    }
    return finish(system, record, config.history_keep);
}

}  // namespace bootwright
