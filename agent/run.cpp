#include "agent/run.hpp"

#include "agent/config.hpp"
#include "agent/platform/platform.hpp"
#include "agent/puppet/puppet.hpp"
#include "agent/record/history.hpp"
#include "agent/record/kept_instance.hpp"
#include "agent/record/reboots.hpp"
#include "agent/repository/repository.hpp"
#include "agent/role/role_config.hpp"
#include "common/error.hpp"
#include "common/file.hpp"
#include "common/retry.hpp"
#include "common/service_manager.hpp"

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

/// What a run goes by: a role config is accepted once what it pins is here.
struct Accepted {
    InstanceMetadata instance;
    RoleConfig role;
    Checkout checkout;
};

/// The stages of one run, each of which hands on to the next.
class Pipeline {
public:
    Pipeline(const System& system, const AgentConfig& config, RunRecord& record, const std::stop_token& stop)
        : system_(system), config_(config), record_(record), stop_(stop), stage_(system, record, stop) {}

    /// Who the instance is and what it is to be: as the platform says; where that cannot be read, or is refused, or cannot
    /// be fetched, as it was accepted last, if that was on this very machine.
    Accepted read_and_accept() {
        const auto kept = read_kept_instance(system_);
        bool has_other = kept && is_this_machine(system_, *kept);
        std::optional<Accepted> accepted;
        try {
            const InstanceMetadata instance = read_instance(has_other);
            has_other = kept && kept->metadata.instance_id == instance.instance_id &&
                        fingerprint(kept->metadata) != fingerprint(instance);
            forget_another_instance(kept, instance);
            record_.instance(instance);
            accepted = accept(instance);
        } catch (const Error& error) {
            if (!has_other || error.kind == ErrorKind::stopped) {
                throw;
            }
            record_.goes_by_kept(kept->metadata, kept->accepted, error);
            return accept(kept->metadata);
        }
        keep_instance(system_, accepted->instance);
        return *accepted;
    }

    /// What Puppet did is recorded as it is; what it did wrong then goes the way of every other error.
    void apply(const Accepted& accepted) {
        stage_(Stage::puppet, config_.retry.puppet, [&] {
            const PuppetResult result = apply_across_reboots(accepted);
            record_.puppet(result);
            if (result.error) {
                throw *result.error;
            }
        });
    }

private:
    PuppetResult apply_across_reboots(const Accepted& accepted) {
        const int number = record_.snapshot().number;
        Applying applying(system_, number, accepted.checkout.revision, accepted.role, config_.puppet.reboots);
        if (applying.resumes() > 0) {
            record_.resumes(applying.resumes());
        }
        PuppetResult result = apply_puppet(system_, config_, accepted.instance, accepted.role, accepted.checkout,
                                           run_folder(system_, number), events_for(record_), stop_);
        const GoingDown going_down =
            result.outcome == Outcome::interrupted ? machine_going_down(system_.processes) : GoingDown::no;
        applying.ended(result.resources && result.resources->changed > 0, going_down);
        if (going_down != GoingDown::no) {
            result.error = stopped_error();
            result.error->message = std::string("the machine was ") +
                                    (going_down == GoingDown::reboot ? "rebooted" : "shut down") + " during this run";
            result.error->advice = "nothing: the next boot resumes it";
        }
        return result;
    }

    InstanceMetadata read_instance(bool has_kept) {
        // A machine that knows what it was does not wait minutes for a service that may be gone for good.
        constexpr int attempts_with_kept = 5;
        const auto patience = [&](RetryPolicy policy) {
            policy.attempts = has_kept ? std::min(policy.attempts, attempts_with_kept) : policy.attempts;
            return policy;
        };
        platform_ =
            stage_(Stage::platform, patience(config_.retry.platform.value_or(AgentConfig::Retry::usual_platform)),
                   [&] { return &find_platform(system_, config_, stop_); });
        return stage_(Stage::platform, patience(config_.retry.platform.value_or(platform_->retry_policy())),
                      [&] { return platform_->read(system_, config_, stop_); });
    }

    /// An image that was taken from a running instance carries that one's state.
    void forget_another_instance(const std::optional<KeptInstance>& kept, const InstanceMetadata& instance) {
        if (kept && kept->metadata.instance_id != instance.instance_id) {
            forget_kept_instance(system_);
            record_.warning("this disk was copied from the instance " + kept->metadata.instance_id +
                            ": what was kept of that one is removed");
        }
    }

    Accepted accept(const InstanceMetadata& instance) {
        RoleConfig role = read_role(instance, std::nullopt);
        if (!role.configuration.url.empty()) {
            const auto file = fetch_configuration(role.configuration);
            role = file ? read_role(instance, file) : std::move(role);
        }
        const RoleConfig::Repository& wanted = role.repository;
        Checkout checkout =
            fetch({wanted.url, wanted.mirrors, wanted.revision, "checkout", {last_good_revision(system_)}});
        record_.revision(checkout);
        return {instance, std::move(role), std::move(checkout)};
    }

    RoleConfig read_role(const InstanceMetadata& instance, const std::optional<JsonDocument>& configuration) {
        return stage_(Stage::role, config_.retry.role, [&] {
            RoleConfig role = read_role_config(config_, instance, configuration);
            keep_role_config(system_, record_.snapshot().number, role);
            record_.role(role);
            return role;
        });
    }

    /// The second repository, and the role config in it, if there is to be one.
    std::optional<JsonDocument> fetch_configuration(const RoleConfig::Configuration& second) {
        constexpr std::size_t largest_file = std::size_t{1} << 20U;
        const Checkout checkout = fetch({second.url, second.mirrors, second.revision, "configuration", {}});
        record_.configuration(checkout);
        point_to(system_.state() / "configuration" / "current", checkout.revision);
        if (second.path.empty()) {
            return std::nullopt;
        }
        const std::string origin = second.path + " of the configuration repository at " + checkout.revision;
        const auto text = read_file_below(checkout.folder, second.path, largest_file);
        if (!text) {
            throw permanent_error("role.no_configuration_file", "there is no file " + origin,
                                  "correct configuration.path or configuration.revision of the role config");
        }
        return read_configuration_file(*text, origin);
    }

    Checkout fetch(const RepositoryPin& pin) {
        const RepositoryStage stage{
            .events = events_for(record_),
            .heard = [&](const PlaceAnswer& answer) { record_.place_answered(answer); },
            .identity = [&](CloudService service) -> std::optional<CloudIdentity> {
                return platform_ == nullptr ? std::nullopt : platform_->identity(system_, config_, service, stop_);
            }};
        Checkout checkout = stage_(Stage::repository, config_.retry.repository,
                                   [&] { return prepare_checkout(system_, config_, pin, stage, stop_); });
        if (config_.repository.puppetfile == AgentConfig::Repository::Puppetfile::r10k &&
            std::filesystem::exists(checkout.folder / "Puppetfile")) {
            record_.warning("the modules that r10k has installed for " + checkout.revision +
                            " are not proven: agent.json says so (repository.puppetfile)");
        }
        return checkout;
    }

    const System& system_;
    const AgentConfig& config_;
    RunRecord& record_;
    std::stop_token stop_;
    Stages stage_;
    const Platform* platform_ = nullptr;  ///< nothing where none was found: the kept role config may do
};

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
    AgentConfig config;
    try {
        config = read_agent_config(system);
        Pipeline pipeline(system, config, record, stop);
        const Accepted accepted = pipeline.read_and_accept();
        pipeline.apply(accepted);
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
