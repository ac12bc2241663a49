#include "agent/run.hpp"

#include "agent/config.hpp"
#include "agent/platform/platform.hpp"
#include "agent/puppet/puppet.hpp"
#include "agent/record/history.hpp"
#include "agent/record/kept_instance.hpp"
#include "agent/repository/repository.hpp"
#include "agent/role/role_config.hpp"
#include "common/error.hpp"
#include "common/retry.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
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

/// What a run goes by.
struct Accepted {
    InstanceMetadata instance;
    RoleConfig role;
};

RoleConfig read_and_record_role(const System& system, const AgentConfig& config, const InstanceMetadata& instance,
                                RunRecord& record) {
    RoleConfig role = read_role_config(config, instance);
    keep_role_config(system, record.snapshot().number, role);
    record.role(role);
    return role;
}

InstanceMetadata read_instance(const System& system, const AgentConfig& config, bool has_kept, const Stages& stage,
                               const std::stop_token& stop) {
    // A machine that knows what it was does not wait minutes for a service that may be gone for good.
    constexpr int attempts_with_kept = 5;
    const auto patience = [&](RetryPolicy policy) {
        policy.attempts = has_kept ? std::min(policy.attempts, attempts_with_kept) : policy.attempts;
        return policy;
    };
    const Platform& platform =
        *stage(Stage::platform, patience(config.retry.platform.value_or(AgentConfig::Retry::usual_platform)),
               [&] { return &find_platform(system, config, stop); });
    return stage(Stage::platform, patience(config.retry.platform.value_or(platform.retry_policy())),
                 [&] { return platform.read(system, config, stop); });
}

/// An image that was taken from a running instance carries that one's state.
void forget_another_instance(const System& system, const std::optional<KeptInstance>& kept,
                             const InstanceMetadata& instance, RunRecord& record) {
    if (kept && kept->metadata.instance_id != instance.instance_id) {
        forget_kept_instance(system);
        record.warning("this disk was copied from the instance " + kept->metadata.instance_id +
                       ": what was kept of that one is removed");
    }
}

/// Who the instance is and what it is to be: as the platform says; where that cannot be read, or is refused, as it was
/// accepted last, if that was on this very machine.
Accepted read_and_accept(const System& system, const AgentConfig& config, const Stages& stage, RunRecord& record,
                         const std::stop_token& stop) {
    const auto accept = [&](const InstanceMetadata& instance) -> Accepted {
        return {instance, stage(Stage::role, config.retry.role,
                                [&] { return read_and_record_role(system, config, instance, record); })};
    };
    const auto kept = read_kept_instance(system);
    bool has_kept = kept && is_this_machine(system, *kept);
    std::optional<Accepted> accepted;
    try {
        const InstanceMetadata instance = read_instance(system, config, has_kept, stage, stop);
        has_kept = kept && kept->metadata.instance_id == instance.instance_id;
        forget_another_instance(system, kept, instance, record);
        record.instance(instance);
        accepted = accept(instance);
    } catch (const Error& error) {
        if (!has_kept || error.kind == ErrorKind::stopped) {
            throw;
        }
        record.goes_by_kept(kept->metadata, kept->accepted, error);
        return accept(kept->metadata);
    }
    keep_instance(system, accepted->instance);
    return *accepted;
}

/// What Puppet did is recorded as it is; what it did wrong then goes the way of every other error.
void apply_and_record(const System& system, const AgentConfig& config, const Accepted& accepted,
                      const Checkout& checkout, RunRecord& record, std::stop_token stop) {
    const PuppetResult result =
        apply_puppet(system, config, accepted.instance, accepted.role, checkout,
                     run_folder(system, record.snapshot().number), events_for(record), std::move(stop));
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
        const Accepted accepted = read_and_accept(system, config, stage, record, stop);

        const Checkout checkout = stage(Stage::repository, config.retry.repository, [&] {
            return prepare_checkout(system, config, accepted.role, {last_good_revision(system)}, events_for(record),
                                    stop);
        });
        record.revision(checkout.revision);

        stage(Stage::puppet, config.retry.puppet,
              [&] { apply_and_record(system, config, accepted, checkout, record, stop); });
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
