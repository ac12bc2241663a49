#pragma once

// The stage that prepares a checkout, with a child that is a script.

#include "agent/repository/fetch_request.hpp"
#include "agent/repository/proof/seal.hpp"
#include "agent/repository/repository.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace bootwright::repository_tests {

inline constexpr const char* revision = "0123456789abcdef0123456789abcdef01234567";

inline std::string checkout_line(const std::string& of = revision) {
    return to_line({{"checkout", {{"revision", of}, {"signer", "ann@example.com"}}}});
}

struct World {
    FakeSystem fake{};
    AgentConfig config{};
    RepositoryPin pin{
        .url = "https://user:hunter2@git.example.com/ops/puppet.git", .revision = revision, .protect = {"last-good"}};
    std::vector<std::string> progress{};
    std::vector<PlaceAnswer> heard{};
    std::vector<CloudService> proven_to{};  ///< for what an identity was asked
    std::optional<CloudIdentity> identity = CloudIdentity{.access_key = "AKIA", .secret_key = "identity-secret"};
    std::optional<Error> no_identity{};
    pid_t child = 0;

    World() { fake.processes.answer("bootwright-fetch", {.lines = {checkout_line()}}); }

    Checkout prepare(std::stop_token stop = {}) {
        const RepositoryStage stage{
            .events = {.progress =
                           [this](std::string_view what, std::uint64_t done, std::uint64_t total) {
                               progress.push_back(std::string(what) + " " + std::to_string(done) + " of " +
                                                  std::to_string(total));
                           },
                       .child_started = [this](ProcessId id) { child = id.pid; }},
            .heard = [this](const PlaceAnswer& answer) { heard.push_back(answer); },
            .identity =
                [this](CloudService service) {
                    proven_to.push_back(service);
                    return no_identity ? throw Error(*no_identity) : identity;
                }};
        return prepare_checkout(fake.system, config, pin, stage, std::move(stop));
    }
    /// What the child was asked.
    FetchRequest asked() {
        prepare();
        return fetch_request_from_json(Json::parse(fake.processes.requests.back().input));
    }
    Error failure() {
        return error_of([&] { return prepare(); });
    }
    /// A checkout of the pin that was proven under the policy that the configuration asks for.
    [[nodiscard]] std::filesystem::path seal_a_checkout(const std::string& policy,
                                                        const std::string& signer = "") const {
        const auto folder = fake.system.state() / pin.checkouts / revision;
        fake.root.write("/var/lib/bootwright/" + pin.checkouts + "/" + revision + "/manifests/site.pp", "one");
        write_seal(folder, {.fingerprint = tree_fingerprint(folder),
                            .policy = policy,
                            .signer = signer,
                            .words = {.subject = "one", .author = "Ann", .before = std::string(40, 'f')}});
        return folder;
    }
    [[nodiscard]] std::size_t children() const { return fake.processes.requests.size(); }
};

}  // namespace bootwright::repository_tests
