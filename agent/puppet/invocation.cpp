#include "agent/puppet/invocation.hpp"

#include "agent/puppet/warm.hpp"
#include "common/base/text.hpp"

#include <unistd.h>

#include <algorithm>

namespace bootwright {

namespace {

/// The fact `cloud` replaces Facter's own of that name, which has only `provider`, in Facter's own words.
Json cloud_fact(const InstanceMetadata& instance) {
    Json cloud = to_json(instance);
    cloud["provider"] = instance.platform == "ec2" ? "aws" : instance.platform;
    return cloud;
}

Json external_facts(const AgentConfig& config, const InstanceMetadata& instance, const RoleConfig& role,
                    const Checkout& checkout) {
    Json facts = role.facts;
    facts["cloud"] = cloud_fact(instance);
    facts["bootwright"] = {{"revision", checkout.revision}};
    if (!role.role.empty()) {
        facts[config.puppet.role_fact] = role.role;
    }
    return facts;
}

/// Folders of modules besides the environment's own: of a repository with several environments, as on a server, and of the
/// image. Never none: Puppet would take the image's.
std::vector<std::string> base_modules(const PuppetPlace& place, const AgentConfig& config) {
    std::vector<std::string> folders{(place.code() / "modules").string()};
    folders.insert(folders.end(), config.puppet.modulepath.begin(), config.puppet.modulepath.end());
    return folders;
}

/// Where manifest and modules may lie.
Json allowed_folders(const PuppetPlace& place, const AgentConfig& config, const RoleConfig& role,
                     const Checkout& checkout) {
    std::vector<std::string> folders = config.puppet.modulepath;
    folders.push_back(checkout.folder.string());
    for (const RoleConfig::Beside& each : role.repositories) {
        folders.push_back(place.repositories / each.name / "current");
    }
    return folders;
}

std::uint64_t bytes_of(const MemorySize& size) {
    constexpr std::uint64_t whole = 100;
    const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    return size.percent > 0 ? pages * page / whole * static_cast<std::uint64_t>(size.percent) : size.bytes;
}

}  // namespace

std::vector<PreparedFile> prepared_files(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& config,
                                         const InstanceMetadata& instance, const RoleConfig& role,
                                         const Checkout& checkout) {
    std::vector<PreparedFile> prepared{
        {files.facts() / "bootwright.json", to_text(external_facts(config, instance, role, checkout))},
        {files.data(), to_text(role.data)},
        {files.allowed(), to_text(allowed_folders(place, config, role, checkout))},
        {place.state / "trusted.json", to_text({{"cloud", cloud_fact(instance)}})},
    };
    if (!role.classes.empty()) {
        prepared.push_back({files.classes(), joined(role.classes, "\n") + "\n"});
    }
    return prepared;
}

ProcessLimits limits_of(const AgentConfig& config) {
    return {.control_group = "puppet",
            .nice = config.puppet.nice,
            .io_class = config.puppet.io_class,
            .memory_high = bytes_of(config.puppet.memory_high),
            .memory_max = bytes_of(config.puppet.memory_max)};
}

ProcessRequest puppet_request(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& config,
                              const RoleConfig& role, const Checkout& checkout) {
    const std::string conf = (place.state / "conf").string();
    const std::string var = (place.state / "var").string();
    std::vector<std::string> arguments{
        place.program.string(),
        "apply",
        "--confdir=" + conf,
        "--vardir=" + var,
        "--logdir=" + var + "/log",
        "--rundir=" + var + "/run",
        "--statedir=" + var + "/state",
        "--ssldir=" + var + "/ssl",  // Debian keeps these two elsewhere
        "--cadir=" + var + "/ca",
        "--codedir=" + place.code().string(),
        "--publicdir=" + files.folder.string(),  // --vardir does not move it, and the summary is there
        "--environmentpath=" + (place.code() / "environments").string(),
        "--environment=" + place.environment_name,
        "--basemodulepath=" + joined(base_modules(place, config), ":"),  // the image's modules must not leak in
        "--hiera_config=" + files.hiera().string(),
        "--pluginfactdest=" + files.facts().string(),
        "--certname=" + place.certname,
        "--trusted_external_command=" + place.trusted_facts.string(),
        "--config_version=/bin/echo " + checkout.revision,  // a script of the repository's own would fail the run
        "--logdest=" + files.log().string(),
        "--write_catalog_summary",  // shows if a catalog was compiled, and if it is empty
        "--resourcefile=" + files.resources().string(),
        "--classfile=" + files.classes().string(),
        "--detailed-exitcodes",  // without it a failed resource gives 0
        "--reports=none",        // it would store one in each run, and never remove any
    };
    if (!role.classes.empty()) {
        arguments.emplace_back("--loadclasses");  // from classfile
    }
    if (role.puppet.noop) {
        arguments.emplace_back("--noop");
    }
    // No manifest: with an empty standard input Puppet takes the environment's own, as environment.conf has it.
    ProcessRequest request{.arguments = std::move(arguments),
                           .environment = place.proxy,
                           .timeout = role.puppet.timeout.value_or(config.puppet.timeout),
                           .grace = std::chrono::seconds(10),
                           .limits = limits_of(config)};
    request.environment.merge(puppet_environment());
    request.environment["RUBYOPT"] = "-r" + place.observer.string();
    request.environment["BOOTWRIGHT_RUN_FOLDER"] = files.folder.string();
    return request;
}

}  // namespace bootwright
