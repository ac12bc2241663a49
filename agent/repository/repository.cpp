#include "agent/repository/repository.hpp"

#include "agent/repository/fetch_outcome.hpp"
#include "agent/repository/name_servers.hpp"
#include "agent/repository/proof/seal.hpp"
#include "agent/repository/ready_credentials.hpp"
#include "agent/servers/credentials.hpp"
#include "agent/servers/proxy.hpp"
#include "agent/servers/secrets/secret_store.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/redactor.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

/// The policy that a seal was made under: another demand, or other keys, need another proof.
std::string policy_of(const AgentConfig::Repository& settings) {
    constexpr std::size_t largest = std::size_t{8} << 20U;
    std::string policy =
        std::to_string(static_cast<int>(settings.verify)) + " " + std::to_string(static_cast<int>(settings.puppetfile));
    if (settings.verify != AgentConfig::Repository::Verify::none) {
        for (const fs::path& keys : {settings.allowed_signers, settings.keyring}) {
            policy += " " + std::to_string(hash_of(read_file_if_exists(keys, largest).value_or("")));
        }
    }
    policy += settings.not_before.empty() ? "" : " not before " + settings.not_before;
    return policy;
}

AgentConfig::Repository settings_on(const System& system, const AgentConfig& config, const RepositoryPin& pin) {
    AgentConfig::Repository settings = config.repository;
    if (pin.checkouts != "checkout") {
        settings.not_before = pin.checkouts == "configuration" ? settings.configuration_not_before : "";
    }
    for (fs::path* path : {&settings.ca_file, &settings.known_hosts, &settings.ssh_key, &settings.client_certificate,
                           &settings.client_key, &settings.seed, &settings.allowed_signers, &settings.keyring}) {
        *path = path->empty() ? *path : system.path(path->string());
    }
    add_proxy_of(system.environment, settings);
    return settings;
}

/// A checkout of a pin that was proven, and that nobody has touched since.
std::optional<Checkout> proven_checkout(const fs::path& checkouts, const RepositoryPin& pin,
                                        const std::string& policy) {
    const std::string& revision = pin.revision;
    const fs::path folder = checkouts / revision;
    std::error_code error;
    if (!is_commit_id(revision) || !fs::is_directory(fs::symlink_status(folder, error))) {
        return std::nullopt;
    }
    const auto seal = read_seal(folder);
    if (!seal || seal->policy != policy || seal->fingerprint != tree_fingerprint(folder)) {
        return std::nullopt;
    }
    fs::last_write_time(folder, fs::file_time_type::clock::now(), error);  // asked for: not the next to be pruned
    Checkout checkout{revision, folder, seal->signer, seal->words};
    const auto& good = pin.protect;  // revisions of the last good run
    if (std::find(good.begin(), good.end(), revision) == good.end() &&
        std::find(good.begin(), good.end(), checkout.words.before) == good.end()) {
        checkout.words.before = "";  // the machine has been elsewhere since
    }
    return checkout;
}

std::vector<Url> places_of(const System& system, const AgentConfig& config, const RepositoryPin& pin) {
    std::vector<Url> places{pin.url};
    places.insert(places.end(), pin.mirrors.begin(), pin.mirrors.end());
    if (config.repository.mirror_order == AgentConfig::Repository::MirrorOrder::shuffled) {
        for (std::size_t left = places.size(); left > 1; --left) {
            const auto chosen = static_cast<std::size_t>(system.random() * static_cast<double>(left));
            std::swap(places[left - 1], places[std::min(chosen, left - 1)]);
        }
    }
    return places;
}

bool needs_secret_store(const Credential& credential) {
    const auto is_in_store = [](const std::optional<SecretSource>& source) {
        return source && find_secret_store(source->kind) != nullptr;
    };
    return is_in_store(credential.password) || is_in_store(credential.ssh_key);
}

/// The identity, or none if the platform does not give it: then what needs it says so, and the other places are asked.
std::optional<CloudIdentity> identity_if_there(const RepositoryStage& stage, CloudService service) {
    try {
        return stage.identity ? stage.identity(service) : std::nullopt;
    } catch (const Error& error) {
        if (error.kind == ErrorKind::stopped) {
            throw;
        }
        log(LogLevel::warning,
            "the platform gives this instance no identity: " + error.message + " (" + error.code + ")");
        return std::nullopt;
    }
}

/// All that may hold checkouts, each of a repository of its own.
std::vector<fs::path> folders_of_checkouts(const System& system) {
    std::vector<fs::path> folders{system.state() / "checkout", system.state() / "configuration"};
    std::error_code error;  // there need not be any
    for (const auto& entry : fs::directory_iterator(system.state() / "repositories", error)) {
        folders.push_back(entry.path());
    }
    return folders;
}

Error ended_without_answer(const ProcessResult& result, const AgentConfig& config, const std::string& shown) {
    const std::string advice = "check that the git server is running and that this machine reaches it";
    switch (result.end) {
        case ProcessResult::End::stopped: return stopped_error();
        case ProcessResult::End::timed_out:
            return transient_error(
                "repository.timeout",
                "the fetch from " + shown + " was not complete after " + to_human(config.repository.timeout),
                advice + ", or raise repository.timeout in agent.json");
        case ProcessResult::End::silent:
            return transient_error(
                "server.stalled",
                "the fetch from " + shown + " made no progress for " + to_human(config.repository.stall), advice);
        default: break;
    }
    const std::string how = result.end == ProcessResult::End::killed_by_signal
                                ? "was killed by signal " + std::to_string(result.signal)
                                : "ended with status " + std::to_string(result.exit_code) + " and no answer";
    return transient_error(
        "repository.fetch_crashed", "the child that fetches from " + shown + " " + how,
        "check for memory shortage (`dmesg | grep -i oom`); else report this as a defect of bootwright");
}

Checkout fetch_by_child(const System& system, const AgentConfig& config, const FetchRequest& request,
                        const RepositoryStage& stage, std::stop_token stop) {
    // Longer than the child's own limits, whose messages say more.
    constexpr std::chrono::seconds slack{30};
    ProcessRequest process = fetch_process(system, to_json(request), config.repository.timeout);
    process.silence = config.repository.stall + slack;
    const Redactor redactor = secrets_of(request);
    FetchOutcome answer;
    const FetchEvents fetch_events{.progress = stage.events.progress, .heard = stage.heard};
    const ProcessEvents events{
        .started = stage.events.child_started,
        .line = [&](std::string_view line) { read_fetch_event(line, request, redactor, fetch_events, answer); },
        .error_line = [&](std::string_view line) { log(LogLevel::warning, "fetch: " + redactor.cleaned(line)); }};
    const ProcessResult result = system.processes.run(process, events, stop);
    if (result.end == ProcessResult::End::exited && answer.checkout) {
        return *answer.checkout;
    }
    if (result.end == ProcessResult::End::exited && answer.error) {
        throw *answer.error;
    }
    throw ended_without_answer(result, config, request.name_url.shown());
}

}  // namespace

FetchRequest fetch_request_for(const System& system, const AgentConfig& config, const RepositoryPin& pin,
                               const RepositoryStage& stage) {
    FetchRequest request{.repositories = system.state() / "repository",
                         .checkouts = system.state() / pin.checkouts,
                         .downloads = system.state() / "download",
                         .r10k = system.path("/var/cache/bootwright/r10k"),
                         .download_program = system.program("bootwright-download"),
                         .places = places_of(system, config, pin),
                         .name_url = pin.url,
                         .revision = pin.revision,
                         .protect = pin.protect,
                         .settings = settings_on(system, config, pin),
                         .release_mirrors = config.modules.mirrors,
                         .secrets_endpoint = config.secrets_endpoint};
    request.policy = policy_of(request.settings);
    for (const fs::path& folder : folders_of_checkouts(system)) {
        if (folder != request.checkouts) {
            request.other_checkouts.push_back(folder);
        }
    }
    // A day is as good as for ever, and does not overflow.
    for (std::chrono::milliseconds* limit : {&request.settings.stall, &request.settings.timeout}) {
        *limit = std::min<std::chrono::milliseconds>(*limit, std::chrono::hours(24));
    }
    request.credentials = ready_credentials(system, config.repository.credentials);
    const auto& credentials = config.repository.credentials;
    if (std::any_of(credentials.begin(), credentials.end(), needs_secret_store)) {
        request.secrets_identity = identity_if_there(stage, CloudService::secret_store);
    }
    request.stores = {.s3_endpoint = config.s3.endpoint,
                      .s3_region = config.s3.region,
                      .s3_keys = read_s3_keys(system, config.s3.keys_file)};
    const auto asks_for_identity = [&](const Url& place) { return needs_identity(place, request.stores); };
    const auto& mirrors = request.release_mirrors;
    if (std::any_of(request.places.begin(), request.places.end(), asks_for_identity) ||
        std::any_of(mirrors.begin(), mirrors.end(), asks_for_identity)) {
        request.stores.identity = identity_if_there(stage, CloudService::object_store);
    }
    return request;
}

Checkout prepare_checkout(const System& system, const AgentConfig& config, const RepositoryPin& pin,
                          const RepositoryStage& stage, std::stop_token stop) {
    const AgentConfig::Repository settings = settings_on(system, config, pin);
    if (auto proven = proven_checkout(system.state() / pin.checkouts, pin, policy_of(settings))) {
        return *proven;
    }
    std::vector<PlaceAnswer> heard;
    RepositoryStage named = stage;
    named.heard = [&](PlaceAnswer answer) {
        answer.of = pin.checkouts == "checkout" ? "" : pin.checkouts;
        stage.heard(heard.emplace_back(std::move(answer)));
    };
    Checkout checkout = fetch_by_child(system, config, fetch_request_for(system, config, pin, named), named, stop);
    for (const std::string& warning : warnings_of_name_servers(system, heard)) {
        stage.events.warning(warning);
    }
    return checkout;
}

}  // namespace bootwright
