#include "agent/run.hpp"

#include "agent/announce/announce.hpp"
#include "agent/clock_wait.hpp"
#include "agent/config.hpp"
#include "agent/health/checks.hpp"
#include "agent/platform/platform.hpp"
#include "agent/puppet/puppet.hpp"
#include "agent/puppet/warm.hpp"
#include "agent/record/bad_revision.hpp"
#include "agent/record/history.hpp"
#include "agent/record/kept_instance.hpp"
#include "agent/record/reboots.hpp"
#include "agent/repository/repository.hpp"
#include "agent/role/role_config.hpp"
#include "common/clock.hpp"
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

/// What a stage tells the record.
StageEvents events_for(RunRecord& record) {
    return {
        .progress = [&](std::string_view what, std::uint64_t done,
                        std::uint64_t total) { record.progress(what, done, total); },
        .child_started = [&](ProcessId child) { record.child_started(child); },
        .waiting = [&](const std::string& what, std::chrono::milliseconds longest) { record.waiting(what, longest); },
        .warning = [&](const std::string& text) { record.warning(text); }};
}

/// The only place that retries a stage.
class Stages {
public:
    Stages(const System& system, RunRecord& record, std::stop_token stop)
        : system_(system), record_(record), stop_(std::move(stop)) {}

    template <typename Action>
    auto operator()(Stage stage, const RetryPolicy& policy, Action action) {
        record_.begin_stage(stage, policy.attempts);
        const auto attempt = [&](int number) {
            if (stop_.stop_requested()) {
                throw stopped_error();
            }
            record_.begin_attempt(number);
            return act_with_right_clock(action);
        };
        const auto on_retry = [&](int, std::chrono::milliseconds delay, const Error& error) {
            record_.retrying(error, delay);
        };
        return retry(policy, system_.clock, system_.random, stop_, attempt, on_retry);
    }

private:
    /// A clock that is still to be set uses up no attempt. It is waited for once in a run: where nothing ever sets it, the
    /// error is as good as any other.
    template <typename Action>
    auto act_with_right_clock(Action& action) {
        try {
            return action();
        } catch (const Error& error) {
            if (has_waited_for_clock_ || !hangs_on_clock(system_, error)) {
                throw;
            }
            has_waited_for_clock_ = true;
            if (!wait_for_clock(system_, events_for(record_), stop_)) {
                throw;
            }
        }
        return action();
    }

    const System& system_;
    RunRecord& record_;
    std::stop_token stop_;
    bool has_waited_for_clock_ = false;
};

/// What a run goes by: a role config is accepted once what it pins is here.
struct Accepted {
    InstanceMetadata instance;
    RoleConfig role;
    Checkout checkout;
    std::string configuration{};  ///< the revision of the second repository, if there is one
};

/// True where what came of it is the revision's own doing, and not that of a full disk or of a signal.
bool is_fault_of_revision(const Error& error) {
    return error.code == "puppet.compile_failed" || error.code == "puppet.nothing_applied" ||
           error.code == "puppet.resources_failed" || error.code == "puppet.timeout";
}

/// The stages of one run, each of which hands on to the next.
class Pipeline {
public:
    Pipeline(const System& system, const AgentConfig& config, RunRecord& record, RunCause cause,
             const std::stop_token& stop)
        : system_(system),
          config_(config),
          warm_(system, config),
          record_(record),
          cause_(cause),
          stop_(stop),
          stage_(system, record, stop),
          last_good_(read_last_good(system)) {}

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

    /// What would be cut off in the middle is not begun.
    void check_not_going_away() {
        stage_(Stage::puppet, {1}, [&] {
            if (platform_ != nullptr) {
                bootwright::check_not_going_away(*platform_, system_, config_, stop_);
            }
        });
    }

    /// What Puppet did is recorded as it is; what it did wrong then goes the way of every other error. A revision that is
    /// given up is not tried again; where the role config says so, the last good one is applied in its place.
    void apply(const Accepted& accepted) {
        const std::string inputs =
            inputs_of(system_, accepted.instance, accepted.role, accepted.checkout.revision, accepted.configuration);
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

    /// What to come back to, if the run turns out good.
    [[nodiscard]] LastGood as_last_good(const Accepted& accepted) const {
        return {record_.snapshot().number, accepted.checkout.revision, accepted.configuration, name_of(accepted.role),
                accepted.instance};
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

    /// Tells who is to be told how the run came out. It has ended by then, and stays as it is.
    void announce() {
        const AnnounceIdentity identity{
            .for_services = [&]() -> std::optional<CloudIdentity> {
                return platform_ == nullptr ? std::nullopt
                                            : platform_->identity(system_, config_, CloudService::auto_scaling, stop_);
            },
            .token_for = [&](const std::string& audience) -> std::optional<std::string> {
                return platform_ == nullptr ? std::nullopt
                                            : platform_->identity_token(system_, config_, audience, stop_);
            }};
        const AnnounceConfig receivers = announce_ ? *announce_ : announce_of_image(config_);
        bootwright::announce(system_, config_, receivers, identity, record_, stop_);
    }

private:
    [[nodiscard]] std::filesystem::path own_folder() const { return run_folder(system_, record_.snapshot().number); }

    /// @param folder of this application of Puppet; the machine may go down in its midst
    PuppetResult apply_in(const std::filesystem::path& folder, const Accepted& accepted) {
        Applying applying(system_, record_.snapshot().number, accepted.checkout.revision, accepted.role,
                          config_.puppet.reboots);
        if (applying.resumes() > 0) {
            record_.resumes(applying.resumes());
        }
        use_configuration(accepted.configuration);
        PuppetResult result = apply_puppet(system_, config_, accepted.instance, accepted.role, accepted.checkout,
                                           folder, warm_, events_for(record_), stop_);
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

    /// A memory that cannot be kept changes nothing about what the run came to.
    template <typename Action>
    void tell_if_it_fails(Action action) {
        try {
            action();
        } catch (const Error& error) {
            record_.warning("what is known of this revision is not kept: " + error.message);
        }
    }

    /// The catalog reads its data from where this leads.
    void use_configuration(const std::string& revision) const {
        if (!revision.empty()) {
            point_to(system_.state() / "configuration" / "current", revision);
        }
    }

    void refuse_what_is_given_up(const std::string& inputs) {
        const auto bad = find_bad_revision(system_, inputs);
        if (!bad || !bad->is_given_up || cause_ == RunCause::asked_for) {
            return;
        }
        record_.bad(*bad);
        throw permanent_error("puppet.given_up",
                              "revision " + bad->revision + " is not applied again: in run " +
                                  std::to_string(bad->run) + ", at " + bad->at + ", " + bad->error.message + " (" +
                                  bad->error.code + ")",
                              "pin another revision or change the role config; `bootwright run` tries this one again, "
                              "as does a reboot");
    }

    /// Remembers what came of it. A catalog that does not compile fails each time; resources get a second chance, and more
    /// where this machine has nothing to go back to.
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
                              record_.snapshot().number,
                              to_iso8601(system_.clock.now().wall),
                              error};
        tell_if_it_fails([&] { remember_bad_revision(system_, bad); });
        record_.bad(bad);
        error.kind = is_given_up ? ErrorKind::permanent : error.kind;
        return error;
    }

    /// True where the last good run was of another revision or role config.
    [[nodiscard]] bool is_other_than(const Accepted& accepted) const {
        return last_good_ && (last_good_->revision != accepted.checkout.revision ||
                              last_good_->configuration != accepted.configuration ||
                              last_good_->role_config != name_of(accepted.role));
    }

    /// Only a catalog that compiles replaces the one before: the data that others read is that of the last good run. Where
    /// the role config says so, that run's revision is applied again, which converges to the old state, and undoes nothing.
    void stay_at_last_good(const Accepted& given_up) {
        use_configuration(last_good_->configuration);
        if (given_up.role.on_failure != RoleConfig::OnFailure::last_good) {
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

    /// What the last good run went by, from what is on this disk.
    Accepted last_good_again() {
        RoleConfig role = read_role_config(config_, last_good_->instance);
        if (!role.configuration.url.empty()) {
            const Checkout second = prepare(pin_of(role.configuration, last_good_->configuration));
            if (!role.configuration.path.empty()) {
                role = read_role_config(config_, last_good_->instance, configuration_file(role.configuration, second));
            }
        }
        Checkout checkout = prepare(pin_of(role.repository, last_good_->revision));
        return {last_good_->instance, std::move(role), std::move(checkout), last_good_->configuration};
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
            last_good_.reset();
            record_.warning("this disk was copied from the instance " + kept->metadata.instance_id +
                            ": what was kept of that one is removed");
        }
    }

    Accepted accept(const InstanceMetadata& instance) {
        RoleConfig role = read_role(instance, std::nullopt);
        std::string configuration;
        if (!role.configuration.url.empty()) {
            const Checkout second = fetch(pin_of(role.configuration, role.configuration.revision));
            record_.configuration(second);
            configuration = second.revision;
            if (!role.configuration.path.empty()) {
                role = read_role(instance, configuration_file(role.configuration, second));
            }
        }
        Checkout checkout = fetch(pin_of(role.repository, role.repository.revision));
        record_.revision(checkout);
        return {instance, std::move(role), std::move(checkout), std::move(configuration)};
    }

    RoleConfig read_role(const InstanceMetadata& instance, const std::optional<JsonDocument>& configuration) {
        return stage_(Stage::role, config_.retry.role, [&] {
            RoleConfig role = read_role_config(config_, instance, configuration);
            keep_role_config(system_, record_.snapshot().number, role);
            record_.role(role);
            announce_ = role.announce;
            return role;
        });
    }

    /// The role config in the second repository.
    static JsonDocument configuration_file(const RoleConfig::Configuration& wanted, const Checkout& checkout) {
        constexpr std::size_t largest_file = std::size_t{1} << 20U;
        const std::string origin = wanted.path + " of the configuration repository at " + checkout.revision;
        const auto text = read_file_below(checkout.folder, wanted.path, largest_file);
        if (!text) {
            throw permanent_error("role.no_configuration_file", "there is no file " + origin,
                                  "correct configuration.path or configuration.revision of the role config");
        }
        return read_configuration_file(*text, origin);
    }

    [[nodiscard]] RepositoryPin pin_of(const RoleConfig::Repository& wanted, const std::string& revision) const {
        return {wanted.url, wanted.mirrors, revision, "checkout", {last_good_ ? last_good_->revision : ""}};
    }
    [[nodiscard]] RepositoryPin pin_of(const RoleConfig::Configuration& wanted, const std::string& revision) const {
        return {wanted.url, wanted.mirrors, revision, "configuration", {last_good_ ? last_good_->configuration : ""}};
    }

    Checkout fetch(const RepositoryPin& pin) {
        Checkout checkout = stage_(Stage::repository, config_.retry.repository, [&] { return prepare(pin); });
        if (config_.repository.puppetfile == AgentConfig::Repository::Puppetfile::r10k &&
            std::filesystem::exists(checkout.folder / "Puppetfile")) {
            record_.warning("the modules that r10k has installed for " + checkout.revision +
                            " are not proven: agent.json says so (repository.puppetfile)");
        }
        return checkout;
    }

    Checkout prepare(const RepositoryPin& pin) {
        const RepositoryStage stage{
            .events = events_for(record_),
            .heard = [&](const PlaceAnswer& answer) { record_.place_answered(answer); },
            .identity = [&](CloudService service) -> std::optional<CloudIdentity> {
                return platform_ == nullptr ? std::nullopt : platform_->identity(system_, config_, service, stop_);
            }};
        return prepare_checkout(system_, config_, pin, stage, stop_);
    }

    const System& system_;
    const AgentConfig& config_;
    WarmPuppet warm_;  ///< from the start of the run, as it takes as long as all that comes before Puppet
    RunRecord& record_;
    RunCause cause_;
    std::stop_token stop_;
    Stages stage_;
    std::optional<LastGood> last_good_;         ///< before this run
    std::optional<AnnounceConfig> announce_{};  ///< of the role config, once it is read
    const Platform* platform_ = nullptr;        ///< nothing where none was found: the kept role config may do
};

/// The history is kept whatever became of the run; that it cannot be kept does not make a good run bad.
RunReport finish(const System& system, RunRecord& record, int keep, const std::optional<LastGood>& good) {
    const RunReport report = record.finish();
    try {
        keep_report(system, report);
        if (report.is_good() && good) {
            keep_last_good(system, *good);
        }
        prune_history(system, keep);
    } catch (const Error& error) {
        record.warning("the run's record is not complete: " + error.message);
    }
    return record.snapshot();
}

}  // namespace

RunReport run(const System& system, RunRecord& record, RunCause cause, std::stop_token stop) {
    AgentConfig config;
    std::optional<Pipeline> pipeline;
    std::optional<LastGood> good;
    try {
        config = read_agent_config(system);
        pipeline.emplace(system, config, record, cause, stop);
        const Accepted accepted = pipeline->read_and_accept();
        pipeline->check_not_going_away();
        pipeline->apply(accepted);
        pipeline->check_health(accepted.role);
        record.begin_stage(Stage::record, 1);
        good = pipeline->as_last_good(accepted);
    } catch (const Error& error) {
        record.error(error);
    } catch (const std::exception& exception) {
        record.error(transient_error("internal", std::string("an unexpected error: ") + exception.what(),
                                     "report this as a defect of bootwright, with the run's folder"));
    }
    RunReport report = finish(system, record, config.history_keep, good);
    record.over();
    if (!pipeline) {
        return report;
    }
    pipeline->announce();
    return record.snapshot();
}

}  // namespace bootwright
