#include "agent/run/accept.hpp"

#include "agent/repository/lost_facts.hpp"
#include "agent/role/role_layers.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

/// Where a link leads; "": there is none.
std::string target_of(const fs::path& link) {
    std::error_code none;
    return fs::read_symlink(link, none).string();
}

fs::path configuration_link(const System& system) { return system.state() / "configuration" / "current"; }
fs::path repository_link(const System& system, const std::string& name) {
    return system.state() / "repositories" / name / "current";
}

}  // namespace

RepositoriesLent::RepositoriesLent(const System& system, const Accepted& accepted)
    : system_(system), configuration_(target_of(configuration_link(system))) {
    for (const auto& [name, revision] : accepted.repositories) {
        if (std::string target = target_of(repository_link(system, name)); !target.empty()) {
            repositories_[name] = std::move(target);
        }
    }
    use_repositories(system, accepted.configuration, accepted.repositories);
}

RepositoriesLent::~RepositoriesLent() {
    try {
        use_repositories(system_, configuration_, repositories_);
    } catch (const Error& error) {
        log(LogLevel::warning, error.message);
    }
}

LastGood as_last_good(const Accepted& accepted, int run) {
    return {run,
            accepted.checkout.revision,
            accepted.configuration,
            name_of(accepted.role),
            accepted.instance,
            accepted.repositories};
}

void use_repositories(const System& system, const std::string& configuration, const Revisions& repositories) {
    if (!configuration.empty()) {
        point_to(configuration_link(system), configuration);
    }
    for (const auto& [name, revision] : repositories) {
        point_to(repository_link(system, name), revision);
    }
}

void remove_unused(const System& system, const Revisions& repositories) {
    std::vector<fs::path> unused;
    std::error_code error;  // there need not be any
    for (const auto& entry : fs::directory_iterator(system.state() / "repositories", error)) {
        if (!repositories.contains(entry.path().filename())) {
            unused.push_back(entry.path());
        }
    }
    std::for_each(unused.begin(), unused.end(), remove_tree);
}

std::vector<std::string> warnings_of(const AgentConfig& config, const Checkout& checkout) {
    std::vector<std::string> warnings;
    if (config.repository.puppetfile == AgentConfig::Repository::Puppetfile::r10k &&
        fs::exists(checkout.folder / "Puppetfile")) {
        warnings.push_back("the modules that r10k has installed for " + checkout.revision +
                           " are not proven: agent.json says so (repository.puppetfile)");
    }
    if (const auto lost = warning_of_lost_facts(checkout.folder)) {
        warnings.push_back(*lost);
    }
    return warnings;
}

JsonDocument configuration_file(const RoleConfig::Configuration& wanted, const Checkout& checkout) {
    constexpr std::size_t largest_file = std::size_t{1} << 20U;
    const std::string origin = wanted.path + " of the configuration repository at " + checkout.revision;
    const auto text = read_file_below(checkout.folder, wanted.path, largest_file);
    if (!text) {
        throw permanent_error("role.no_configuration_file", "there is no file " + origin,
                              "correct configuration.path or configuration.revision of the role config");
    }
    return read_configuration_file(*text, origin);
}

}  // namespace bootwright
