#include "agent/run/run.hpp"

#include "agent/announce/announce.hpp"
#include "agent/config/config.hpp"
#include "agent/health/checks.hpp"
#include "agent/hooks/hooks.hpp"
#include "agent/platform/detection.hpp"
#include "agent/platform/platform.hpp"
#include "agent/platform/stop_notice.hpp"
#include "agent/puppet/flush.hpp"
#include "agent/puppet/puppet.hpp"
#include "agent/puppet/warm.hpp"
#include "agent/record/bad_revision.hpp"
#include "agent/record/history.hpp"
#include "agent/record/kept_instance.hpp"
#include "agent/record/reboots.hpp"
#include "agent/repository/repository.hpp"
#include "agent/role/role_layers.hpp"
#include "agent/role/shown_role.hpp"
#include "agent/run/accept.hpp"
#include "agent/run/boot_wait.hpp"
#include "agent/run/finish.hpp"
#include "agent/run/pins.hpp"
#include "agent/run/stages.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/retry.hpp"
#include "common/files/file.hpp"
#include "common/processes/service_manager.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>

namespace bootwright {

namespace {

/// The stages of one run, each of which hands on to the next.
class Pipeline {
public:
    Pipeline(const System& system, const AgentConfig& config, RunRecord& record, const RunOrder& order,
             const std::stop_token& stop)
        : system_(system),
          config_(config),
          record_(record),
          order_(order),
          stop_(stop),
          stage_(system, record, stop),
          last_good_(read_last_good(system)) {}

    /// What comes before all else. Puppet is loaded after the hooks, which may be what installs it.
    void begin() {
        if (!order_.noop) {
            run_hooks_before(system_, record_, stop_);
        }
        warm_.emplace(system_, config_);
    }

    /// Of the role config, once it is read.
    [[nodiscard]] const std::optional<Redactor>& secrets() const { return secrets_; }

    /// Who the instance is and what it is to be, as the platform says. If that cannot be read, is refused, or cannot be
    /// fetched: as it was accepted last, if that was on this very machine.
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
        if (!order_.is_one_off()) {
            keep_instance(system_, accepted->instance);
        }
        return *accepted;
    }

    /// What would be cut off is not begun, and on a machine that was configured before the rest of the boot comes first.
    void get_ready_for_puppet() {
        stage_(Stage::puppet, {1}, [&] {
            if (platform_ != nullptr) {
                check_not_going_away(*platform_, system_, config_, stop_);
            }
            if (order_.cause == RunCause::boot && last_good_) {
                wait_for_boot_units(system_, events_for(record_), stop_);
            }
        });
    }

    /// Lets Puppet say what it would do. The machine stays as it is, and nothing is remembered of the revision.
    void try_out(const Accepted& accepted) {
        stage_(Stage::puppet, config_.retry.puppet, [&] {
            const RepositoriesLent lent(system_, accepted);
            const PuppetResult result = puppet_in(own_folder(), accepted);
            record_.puppet(result);
            if (result.error) {
                throw Error(*result.error);
            }
        });
    }

    /// Records what Puppet did as it is; handles what it did wrong like every other error. Does not try a revision
    /// again that is given up; if the role config says so, applies the last good one instead.
    void apply(const Accepted& accepted) {
        const std::string inputs = inputs_of(system_, accepted.instance, accepted.role, accepted.checkout.revision,
                                             accepted.configuration, accepted.repositories);
        try {
            stage_(Stage::puppet, config_.retry.puppet, [&] {
                refuse_what_is_given_up(inputs);
                const PuppetResult result = apply_in(own_folder(), accepted);
                record_.puppet(result);
                if (result.error) {
                    throw judged(*result.error, accepted, inputs);
                }
                tell_if_it_fails([&] { forget_bad_revision(system_, inputs); });
            });
        } catch (const Error&) {
            const auto bad = record_.snapshot().bad;
            if (bad && bad->is_given_up && is_other_than(accepted)) {
                stay_at_last_good(accepted);
            }
            throw;
        }
    }

    /// Whether the machine now does what it was configured for: until it does, the run is not good.
    void check_health(const RoleConfig& role) {
        if (role.health.checks.empty()) {
            return;
        }
        stage_(Stage::health, RetryPolicy{}, [&] {
            const auto heard = [&](const HealthResult& so_far) { record_.health(so_far); };
            const HealthResult result = bootwright::check_health(system_, role, events_for(record_), heard, stop_);
            if (result.error) {
                throw Error(*result.error);
            }
        });
    }

    /// Tells the receivers how the run came out. The run has ended by then, and stays as it is.
    void announce() {
        const AnnounceIdentity identity{.for_services = [&] { return identity_for(CloudService::auto_scaling); },
                                        .token_for = [&](const std::string& audience) -> std::optional<std::string> {
                                            return platform_ == nullptr
                                                       ? std::nullopt
                                                       : platform_->identity_token(system_, config_, audience, stop_);
                                        }};
        const AnnounceConfig receivers = announce_ ? *announce_ : announce_of_image(config_);
        bootwright::announce(system_, config_, receivers, identity, record_, stop_);
    }

private:
    [[nodiscard]] std::filesystem::path own_folder() const { return run_folder(system_, record_.number()); }

    [[nodiscard]] std::optional<CloudIdentity> identity_for(CloudService service) const {
        return platform_ == nullptr ? std::nullopt : platform_->identity(system_, config_, service, stop_);
    }

    /// @param folder of this application of Puppet; the machine may go down in its midst
    PuppetResult apply_in(const std::filesystem::path& folder, const Accepted& accepted) {
        Applying applying(system_, record_.number(), accepted.checkout.revision, accepted.role, config_.puppet.reboots);
        if (applying.resumes() > 0) {
            record_.resumes(applying.resumes());
        }
        use_repositories(system_, accepted.configuration, accepted.repositories);
        PuppetResult result = puppet_in(folder, accepted);
        const GoingDown going_down =
            result.outcome == Outcome::interrupted ? machine_going_down(system_.processes) : GoingDown::no;
        const bool is_flushed = flush_after(result, applying.owes_flush(), system_, events_for(record_), stop_);
        tell_if_it_fails(
            [&] { applying.ended(result.resources && result.resources->changed > 0, is_flushed, going_down); });
        if (going_down != GoingDown::no) {
            result.error = cut_off_by(going_down);
        }
        return result;
    }

    PuppetResult puppet_in(const std::filesystem::path& folder, const Accepted& accepted) {
        return apply_puppet(
            system_, config_, accepted.instance, accepted.role, accepted.checkout, folder, order_.noop, *warm_,
            [&](CloudService service) { return identity_for(service); }, events_for(record_), stop_);
    }

    /// Failing to remember something does not change the run's result.
    template <typename Action>
    void tell_if_it_fails(Action action) {
        try {
            action();
        } catch (const Error& error) {
            record_.warning("what came of this revision is not kept: " + error.message);
        }
    }

    void refuse_what_is_given_up(const std::string& inputs) {
        const auto bad = find_bad_revision(system_, inputs);
        if (!bad || !bad->is_given_up || order_.cause == RunCause::asked_for) {
            return;
        }
        record_.bad(*bad);
        throw given_up(*bad);
    }

    /// Remembers the failure. A catalog that does not compile fails each time; resources get a second chance, and more
    /// if this machine has nothing to go back to.
    Error judged(Error error, const Accepted& accepted, const std::string& inputs) {
        if (!is_fault_of_revision(error)) {
            return error;
        }
        constexpr int most_failures = 2;
        const auto known = find_bad_revision(system_, inputs);
        const int failures = (known ? known->failures : 0) + 1;
        const bool is_certain = error.kind == ErrorKind::permanent;
        const bool is_given_up = is_certain || (failures >= most_failures && is_other_than(accepted));
        const BadRevision bad{inputs,
                              accepted.checkout.revision,
                              accepted.configuration,
                              failures,
                              is_given_up,
                              record_.number(),
                              to_iso8601(system_.clock.now().wall),
                              error};
        tell_if_it_fails([&] { remember_bad_revision(system_, bad); });
        record_.bad(bad);
        error.kind = is_given_up ? ErrorKind::permanent : error.kind;
        return error;
    }

    /// True if the last good run was of another revision or role config.
    [[nodiscard]] bool is_other_than(const Accepted& accepted) const {
        return last_good_ && !last_good_->is_same_as(as_last_good(accepted, record_.number()));
    }

    /// Only a catalog that compiles replaces the one before: the data that others read is that of the last good run. If
    /// the role config says so, applies that run's revision again, which converges to the old state and undoes nothing.
    void stay_at_last_good(const Accepted& given_up) {
        use_repositories(system_, last_good_->configuration, last_good_->repositories);
        if (given_up.role.puppet.on_failure != RoleConfig::Puppet::OnFailure::last_good) {
            return;
        }
        RunReport::Instead instead{last_good_->run, last_good_->revision, last_good_->configuration, {}};
        try {
            const auto folder = own_folder() / "last_good";
            make_folder(folder, 0700);
            instead.puppet = apply_in(folder, last_good_again());
        } catch (const Error& error) {
            instead.puppet.error = error;
        }
        record_.applied_instead(instead);
        if (stop_.stop_requested()) {
            throw stopped_error();
        }
    }

    /// What the last good run used, from what is on this disk.
    Accepted last_good_again() {
        const auto read = [&](const std::optional<JsonDocument>& file) {
            return read_role_config(config_, last_good_->instance, file);
        };
        const auto again = [&](const auto& wanted) { return prepare(pin_of_last_good(wanted, *last_good_)); };
        return assemble(last_good_->instance, read, again);
    }

    InstanceMetadata read_instance(bool has_kept) {
        // A machine that knows what it was does not wait minutes for a service that may be gone for good.
        constexpr int attempts_with_kept = 5;
        const auto patience = [&](RetryPolicy policy) {
            policy.attempts = has_kept ? std::min(policy.attempts, attempts_with_kept) : policy.attempts;
            return policy;
        };
        const Detection found =
            stage_(Stage::platform, patience(config_.retry.platform.value_or(AgentConfig::Retry::usual_platform)),
                   [&] { return find_platform(system_, config_, stop_); });
        platform_ = found.instance;
        return stage_(Stage::platform, patience(config_.retry.platform.value_or(platform_->retry_policy())),
                      [&] { return bootwright::read_instance(found, system_, config_, stop_); });
    }

    /// An image that was taken from a running instance carries that one's state.
    void forget_another_instance(const std::optional<KeptInstance>& kept, const InstanceMetadata& instance) {
        if (kept && kept->metadata.instance_id != instance.instance_id && !order_.noop) {
            forget_kept_instance(system_);
            last_good_.reset();
            record_.warning("this was the instance " + kept->metadata.instance_id +
                            " before, by another id or on another disk: what was kept of it is removed");
        }
    }

    Accepted accept(InstanceMetadata instance) {
        order_.put_role_config_into(instance);
        const auto read = [&](const std::optional<JsonDocument>& file) { return read_role(instance, file); };
        const auto get = [&](const auto& wanted) {
            Checkout checkout = fetch(pin_of(wanted, last_good_));
            record(wanted, checkout);
            return checkout;
        };
        return assemble(instance, read, get);
    }

    RoleConfig read_role(const InstanceMetadata& instance, const std::optional<JsonDocument>& configuration) {
        return stage_(Stage::role, config_.retry.role, [&] {
            RoleConfig role = read_role_config(config_, instance, configuration, order_.revision);
            role.puppet.noop = role.puppet.noop || order_.noop;
            keep_role_config(system_, record_.number(), role);
            record_.role(role);
            secrets_ = secrets_of(role);
            record_.clean_hooks(*secrets_);
            announce_ = role.announce;
            return role;
        });
    }

    // What the record is told, by the kind of repository.

    void record(const RoleConfig::Repository&, const Checkout& checkout) { record_.revision(checkout); }
    void record(const RoleConfig::Configuration&, const Checkout& checkout) { record_.configuration(checkout); }
    void record(const RoleConfig::Beside& wanted, const Checkout& checkout) {
        record_.repository(wanted.name, checkout);
    }

    Checkout fetch(const RepositoryPin& pin) {
        Checkout checkout = stage_(Stage::repository, config_.retry.repository, [&] { return prepare(pin); });
        for (const std::string& warning : warnings_of(config_, checkout)) {
            record_.warning(warning);
        }
        return checkout;
    }

    Checkout prepare(const RepositoryPin& pin) {
        const RepositoryStage stage{.events = events_for(record_),
                                    .heard = [&](const PlaceAnswer& answer) { record_.place_answered(answer); },
                                    .identity = [&](CloudService service) { return identity_for(service); }};
        return prepare_checkout(system_, config_, pin, stage, stop_);
    }

    const System& system_;
    const AgentConfig& config_;
    std::optional<WarmPuppet> warm_{};  ///< from the start of the run, as it takes as long as all before Puppet
    RunRecord& record_;
    const RunOrder& order_;
    std::stop_token stop_;
    Stages stage_;
    std::optional<LastGood> last_good_;         ///< before this run
    std::optional<AnnounceConfig> announce_{};  ///< of the role config, once it is read
    std::optional<Redactor> secrets_{};         ///< likewise
    const Platform* platform_ = nullptr;        ///< who says which instance this is; null where none was found
};

}  // namespace

RunReport run(const System& system, RunRecord& record, const RunOrder& order, std::stop_token stop) {
    AgentConfig config;
    std::optional<Pipeline> pipeline;
    std::optional<LastGood> good;
    try {
        config = read_agent_config(system);
        pipeline.emplace(system, config, record, order, stop);
        pipeline->begin();
        const Accepted accepted = pipeline->read_and_accept();
        pipeline->get_ready_for_puppet();
        if (order.noop) {
            pipeline->try_out(accepted);
        } else {
            pipeline->apply(accepted);
            pipeline->check_health(accepted.role);
        }
        record.begin_stage(Stage::record, 1);
        if (!order.is_one_off()) {
            good = as_last_good(accepted, record.number());
        }
    } catch (const Error& error) {
        record.error(error);
    } catch (const std::exception& exception) {
        record.error(transient_error("internal", std::string("an unexpected error: ") + exception.what(),
                                     "report this as a defect of bootwright, with the run's folder"));
    }
    RunReport report = finish(system, record, config.history_keep, good);
    record.over();
    if (order.noop) {
        return report;
    }
    run_hooks_after(system, pipeline ? pipeline->secrets() : std::nullopt, record, stop);
    if (pipeline) {
        pipeline->announce();
    }
    return record.snapshot();
}

}  // namespace bootwright
